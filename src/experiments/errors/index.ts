/** The errors of the paper and of its released code, each measured on runs of the reproduction. */
import type { MatrixResults } from '../results.js';
import { crossedWeights } from './crossed-weights.js';
import { EVIDENCE_MATRIX, scoredSets } from './evidence.js';
import { foreignIds } from './foreign-ids.js';
import { meanEpsilon } from './mean-epsilon.js';
import type { ErrorPage } from './page.js';
import { proposition2 } from './proposition-2.js';
import { stepZero } from './step-zero.js';

export type { ErrorPage } from './page.js';

/** Pages of what can be measured on the runs there are; none without the matrix that they rest on. */
export function errorPages(all: readonly MatrixResults[]): readonly ErrorPage[] {
  const results = all.find(({ matrix }) => matrix.name === EVIDENCE_MATRIX);
  if (results === undefined) return [];
  const own = scoredSets(results, 'MRPO').length > 0;
  const foreign = scoredSets(results, 'scrambled reference').length > 0;
  return [
    ...(own ? [crossedWeights(results), meanEpsilon(results)] : []),
    ...(foreign ? [foreignIds(results)] : []),
    proposition2(),
    ...(own ? [stepZero(results)] : []),
  ];
}
