/** The pairs that every reference has log-probs for, as the batch that objectives and reports read. */
import { wayThrough } from '../../backend/unusable.js';
import type { PreferencePair } from '../../data/pair.js';
import { responseBytes } from '../../data/response-bytes.js';
import { MrpoError } from '../../core/errors.js';
import type { ModelColumns, PairBatch } from '../../objectives/objective.js';
import type { ReferenceScores } from '../reference-scores.js';

/** B pairs, B at most the number of pairs asked for. */
export interface UsableBatch {
  /** `policy` holds the policy's start; where that is unknown, RefM1 stands in and `policyKnown` is false. */
  readonly batch: PairBatch;
  readonly policyKnown: boolean;
  /** Position of each row in the pairs asked for. */
  readonly positions: readonly number[];
}

/** Leaves out every pair that some reference has no log-probs for. @throws MrpoError `data` if no pair is left. */
export function usableBatch(scores: ReferenceScores, pairs: readonly PreferencePair[]): UsableBatch {
  const positions = scores.usable;
  const [first] = scores.references;
  if (positions.length === 0 || first === undefined) {
    throw new MrpoError('data', `none of the ${pairs.length} pairs has log-probs under every reference`, {
      hint: `See the unusable rows of "mrpo score". ${wayThrough(reasonsOf(scores)) ?? ''}`.trim(),
    });
  }
  const bytes = (side: 'chosen' | 'rejected'): Float64Array =>
    Float64Array.from(positions, (position) => responseBytes(pairs[position]?.[side] ?? [], scores.scoreTurns));
  const batch: PairBatch = {
    size: positions.length,
    policy: pick((scores.policyStart ?? first).columns, positions),
    references: scores.references.map(({ columns }) => pick(columns, positions)),
    bytes: { chosen: bytes('chosen'), rejected: bytes('rejected') },
    rowIds: positions.map((position) => pairs[position]?.line ?? position),
  };
  return { batch, policyKnown: scores.policyStart !== undefined, positions };
}

const reasonsOf = ({ references }: ReferenceScores): (readonly [string, number])[] =>
  references.flatMap(({ unusable }) =>
    unusable.flatMap((reason) => (reason === undefined ? [] : [[reason, 1] as const])),
  );

function pick(model: ModelColumns, positions: readonly number[]): ModelColumns {
  const column = (values: Float64Array): Float64Array =>
    Float64Array.from(positions, (position) => values[position] ?? NaN);
  return {
    chosen: { logps: column(model.chosen.logps), tokens: column(model.chosen.tokens) },
    rejected: { logps: column(model.rejected.logps), tokens: column(model.rejected.tokens) },
  };
}
