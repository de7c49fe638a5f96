/**
 * Does a method beat the baseline? One answer for every combination of the other axes and for each accuracy, with
 * Holm's correction over all answers of one accuracy: a table makes many claims at once.
 */
import { effectSize, holm, pairedDifference, type EffectSize, type PairedDifference } from '../math/index.js';
import { matches, type Coordinates } from './cells.js';
import { SEED_AXIS, type Matrix } from './matrix.js';
import { ACCURACIES, type AccuracyName, type Outcome } from './outcome.js';

/** A finished cell and what came out of it. */
export interface CellOutcome {
  readonly coordinates: Coordinates;
  readonly marks: readonly string[];
  readonly outcome: Outcome;
}

/** `reproduced`: better, beyond chance. `contradicted`: worse, beyond chance. `undetermined`: neither is shown. */
export type Verdict = 'reproduced' | 'undetermined' | 'contradicted';

/** One method against the baseline by one accuracy. Accuracies and differences are shares, 0 to 1. */
export interface Comparison {
  /** Coordinates without the seed and without the compared axis. */
  readonly where: Coordinates;
  readonly method: string;
  readonly baseline: string;
  readonly accuracy: AccuracyName;
  /** Seeds that both have finished. */
  readonly seeds: number;
  /** Of the means per seed; undefined with fewer than 3 values in all. */
  readonly effect: EffectSize | undefined;
  /** Paired by seed and held-out pair. */
  readonly paired: PairedDifference;
  /** p-value after Holm. */
  readonly adjustedP: number;
  readonly verdict: Verdict;
}

/** A verdict other than `undetermined` is wrong in at most this share of tables. */
const SIGNIFICANCE = 0.05;

/** Every method of the compared axis against the baseline. @returns nothing for a matrix without `compare`. */
export function compareMethods(matrix: Matrix, cells: readonly CellOutcome[]): readonly Comparison[] {
  const { compare } = matrix;
  if (compare === undefined) return [];
  return (Object.keys(ACCURACIES) as AccuracyName[]).flatMap((accuracy) => {
    const open = groupsOf(cells, compare.axis).flatMap(({ where, methods }) => {
      const baseline = methods.get(compare.baseline);
      if (baseline === undefined) return [];
      return [...methods]
        .filter(([method]) => method !== compare.baseline)
        .flatMap(([method, runs]) => {
          const found = compareRuns(runs, baseline, accuracy);
          return found === undefined ? [] : [{ where, method, baseline: compare.baseline, accuracy, ...found }];
        });
    });
    const adjusted = holm(open.map(({ paired }) => paired.pValue));
    return open.map((comparison, i) => ({
      ...comparison,
      adjustedP: adjusted[i]!,
      verdict: verdictOf(comparison.paired.difference, adjusted[i]!),
    }));
  });
}

function verdictOf(difference: number, adjustedP: number): Verdict {
  if (adjustedP >= SIGNIFICANCE || difference === 0) return 'undetermined';
  return difference > 0 ? 'reproduced' : 'contradicted';
}

type RunsBySeed = ReadonlyMap<string, Outcome>;

function groupsOf(
  cells: readonly CellOutcome[],
  axis: string,
): readonly { readonly where: Coordinates; readonly methods: ReadonlyMap<string, RunsBySeed> }[] {
  const groups = new Map<string, { where: Coordinates; methods: Map<string, Map<string, Outcome>> }>();
  for (const { coordinates, outcome } of cells) {
    const { [axis]: method = '', [SEED_AXIS]: seed = '0', ...where } = coordinates;
    const name = JSON.stringify(where);
    const group = groups.get(name) ?? { where, methods: new Map<string, Map<string, Outcome>>() };
    const runs = group.methods.get(method) ?? new Map<string, Outcome>();
    groups.set(name, { where, methods: group.methods.set(method, runs.set(seed, outcome)) });
  }
  return [...groups.values()];
}

function compareRuns(
  runs: RunsBySeed,
  baseline: RunsBySeed,
  accuracy: AccuracyName,
): Pick<Comparison, 'seeds' | 'effect' | 'paired'> | undefined {
  const seeds = [...runs.keys()].filter((seed) => baseline.has(seed));
  const couples = seeds.map((seed) => [runs.get(seed)!, baseline.get(seed)!] as const);
  const differences = couples.map(([left, right]) => pairDifferences(left, right, accuracy));
  if (differences.length === 0 || differences.some((row) => row.length === 0)) return undefined;
  const [first] = couples;
  const samePairs = couples.every(([left]) => left.pairs.join('\n') === first?.[0].pairs.join('\n'));
  const means = (side: 0 | 1): number[] => couples.map((couple) => couple[side].after[ACCURACIES[accuracy]] ?? NaN);
  return {
    seeds: seeds.length,
    effect: seeds.length > 1 ? effectSize(means(0), means(1)) : undefined,
    paired: pairedDifference(differences, { samePairs }),
  };
}

/** Differences over the pairs that both were judged on, in the order of the left one's. */
function pairDifferences(left: Outcome, right: Outcome, accuracy: AccuracyName): number[] {
  const placeOf = new Map(right.pairs.map((pair, place) => [pair, place]));
  return left.pairs.flatMap((pair, i) => {
    const place = placeOf.get(pair);
    const difference = place === undefined ? NaN : left.wins[accuracy][i]! - right.wins[accuracy][place]!;
    return Number.isNaN(difference) ? [] : [difference];
  });
}

/** Cells whose coordinates have all of `some`. */
export const cellsAt = (cells: readonly CellOutcome[], some: Coordinates): readonly CellOutcome[] =>
  cells.filter(({ coordinates }) => matches(coordinates, some));
