/** What the errors are measured on: the references' log-probs of held-out pairs, and runs that differ in one thing. */
import {
  adaptiveEpsilonColumns,
  arwcWeights,
  clipColumns,
  officialCodePool,
  officialCodeWeights,
  poolColumns,
} from '../../math/index.js';
import type { Sides } from '../../core/sides.js';
import type { MatrixResults } from '../results.js';

type Cell = MatrixResults['cells'][number];

/** The matrix whose runs differ in one thing each. */
export const EVIDENCE_MATRIX = 'baselines';

/** Held-out pairs of a data set under K references: columns of log-probs in nats, one value a pair. */
export interface ScoredSet {
  readonly name: string;
  /** RefM1 first. */
  readonly references: readonly Sides<Float64Array>[];
  readonly tokens: Sides<Float64Array>;
}

/** The pairs of each data set under the references of a method, from its first finished seed. */
export function scoredSets({ cells }: MatrixResults, method: string): readonly ScoredSet[] {
  const sets = new Map<string, ScoredSet>();
  for (const { coordinates, outcome } of cells) {
    const name = coordinates['data'] ?? '';
    if (coordinates['method'] !== method || sets.has(name) || outcome.references.length < 2) continue;
    sets.set(name, { name, references: outcome.references, tokens: outcome.tokens });
  }
  return [...sets.values()];
}

/** Finished runs of a method on a set. */
export const runsOf = ({ cells }: MatrixResults, method: string, data: string): readonly Cell[] =>
  cells.filter(({ coordinates }) => coordinates['method'] === method && coordinates['data'] === data);

/** Mean of a measure over runs; NaN without any. */
export function meanOver(cells: readonly Cell[], measure: string, when: 'before' | 'after' = 'after'): number {
  const values = cells.flatMap(({ outcome }) => outcome[when][measure] ?? []);
  return values.length === 0 ? NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Columns of the chosen responses. */
export const chosenOf = (references: ScoredSet['references']): readonly Float64Array[] =>
  references.map(({ chosen }) => chosen);
/** Columns of the rejected responses. */
export const rejectedOf = (references: ScoredSet['references']): readonly Float64Array[] =>
  references.map(({ rejected }) => rejected);

/** Width of the trust region: Eq. 9 with this epsilon_max, or the same for every response. */
export type EpsilonRule = { readonly adaptive: number } | { readonly fixed: number };

/** Half-widths per pair and side. */
export function epsilonOf({ references }: ScoredSet, rule: EpsilonRule): Sides<Float64Array> {
  if ('adaptive' in rule) return adaptiveEpsilonColumns(chosenOf(references), rejectedOf(references), rule.adaptive);
  const fixed = new Float64Array(references[0]!.chosen.length).fill(rule.fixed);
  return { chosen: fixed, rejected: fixed };
}

/** Margin of the virtual reference, chosen minus rejected, nats: pooled as printed, or as the released code does. */
export function virtualMargins(set: ScoredSet, pooling: 'paper' | 'released code', rule: EpsilonRule): Float64Array {
  const [chosen, rejected] = [chosenOf(set.references), rejectedOf(set.references)];
  const epsilon = epsilonOf(set, rule);
  const crossed = pooling === 'released code';
  const weights = crossed ? officialCodeWeights(chosen, rejected) : arwcWeights(chosen, rejected);
  const pool = (columns: readonly Float64Array[]): Float64Array =>
    crossed ? officialCodePool(columns, weights) : poolColumns(columns, weights, -1);
  const high = pool(clipColumns(chosen, epsilon.chosen).logps);
  const low = pool(clipColumns(rejected, epsilon.rejected).logps);
  return high.map((value, i) => value - low[i]!);
}

/** Own-reward margin of the untrained policy, which is RefM1: what MRPO's accuracy is made of at step 0, nats. */
export function stepZeroMargins(set: ScoredSet, rule: EpsilonRule): Float64Array {
  const [first] = set.references;
  return virtualMargins(set, 'paper', rule).map((virtual, i) => first!.chosen[i]! - first!.rejected[i]! - virtual);
}

/** Share of values that pass; NaN of none. */
export const share = (values: Float64Array, of: (value: number, index: number) => boolean): number =>
  values.length === 0 ? NaN : values.reduce((count, value, i) => count + Number(of(value, i)), 0) / values.length;

/** Mean of a column. */
export const average = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
