/**
 * What the references of a configuration say of its pairs, from their log-probs alone: which agree with the labels, with
 * each other, which decides the virtual reference, and which looks broken.
 */
import type { ObjectiveConfig } from '../../config/index.js';
import { dominanceShares } from '../../math/reference-metrics.js';
import { createObjective } from '../../objectives/create-objective.js';
import type { ObjectiveResult, PairBatch } from '../../objectives/objective.js';
import type { PreferencePair } from '../../data/pair.js';
import { keyText } from '../cache/index.js';
import { unusablePairs, type ReferenceScores, type ScoredReference, type UnusablePair } from '../reference-scores.js';
import { checkHealth, type Health, type HealthFigures } from './health.js';
import { letterEntropy } from './letter-entropy.js';
import { referenceFigures, responseRates, type ReferenceFigures } from './reference-figures.js';
import { correlation, momentsOf, shareOf, spreadOf, type Share, type Spread } from './shares.js';
import { usableBatch } from './usable-batch.js';

/** One reference of the report: its own figures, and what it does under the configured objective. */
export interface ReferenceEntry extends ReferenceFigures {
  readonly name: string;
  /** As the configuration names it. */
  readonly model: string;
  /** Whether it is the policy as it starts. */
  readonly isPolicy: boolean;
  readonly numericPath: string;
  /** An earlier reference that is the very same model, or `undefined`. */
  readonly sameAs: string | undefined;
  readonly unusable: readonly UnusablePair[];
  /** Pairs that are not scored yet. */
  readonly missing: number;
  /** Weight under the configured objective. */
  readonly weight: Spread;
  /** Share of responses whose log-prob the trust region moves; RefM1 is never moved. */
  readonly clipShare: number;
  /** Share of responses for which it is the least likely reference, and so the one that harmonic pooling follows. */
  readonly dominance: number;
  readonly health: Health;
}

/** What {@link createReferenceReport} finds; shares are from 0 to 1, tables have K rows for K references. */
export interface ReferenceReport {
  /** Pairs asked for. */
  readonly pairs: number;
  /** Pairs with log-probs under every reference: all figures are of these. */
  readonly usable: number;
  /** Baseline: share of pairs whose chosen response is the longer text. */
  readonly longerIsChosen: Share;
  readonly references: readonly ReferenceEntry[];
  /** K x K: share of pairs on which two references prefer the same response. */
  readonly agreement: readonly (readonly number[])[];
  /** K x K: correlation of their log-prob differences. */
  readonly correlation: readonly (readonly number[])[];
  /** Name of the objective whose weights, trust region and pooling are shown. */
  readonly objective: string;
  /** Share of pairs that the virtual reference itself ranks right. */
  readonly virtualAccuracy: Share;
  /** The policy before any training; `undefined` where its start is not scored. */
  readonly stepZero: { readonly accuracy: Share; readonly ties: number; readonly margin: Spread } | undefined;
  /** Entropy of single bytes of the texts: what merely counting letters achieves. */
  readonly letterNatsPerByte: number;
}

/** Scores, and the pairs they belong to. */
export interface ReferenceReportOptions {
  readonly scores: ReferenceScores;
  /** Those that `scores` were made for, in the same order. */
  readonly pairs: readonly PreferencePair[];
  readonly objective: ObjectiveConfig;
  /** Folder of `objective.module`. */
  readonly baseDir?: string | undefined;
}

/**
 * Computes the report; needs no model.
 * @throws MrpoError `data` if no pair is usable, `config` if the objective does not fit the references.
 */
export async function createReferenceReport(options: ReferenceReportOptions): Promise<ReferenceReport> {
  const { scores, pairs } = options;
  const { references } = scores;
  const { batch, policyKnown, positions } = usableBatch(scores, pairs);
  const { name, result } = await configuredResult(options, batch);
  const figures = references.map((reference, k) => referenceFigures(reference, batch.references[k]!, batch, positions));
  const letterNats = letterEntropy(pairs);
  const health = healthOf(references, figures, batch, pairs.length, letterNats);
  const dominance = dominanceShares([result.clipped.chosen, result.clipped.rejected], result.weights);
  const differences = batch.references.map(({ chosen, rejected }) =>
    chosen.logps.map((logp, row) => logp - rejected.logps[row]!),
  );
  const start = policyKnown ? await startMargins(options, batch) : undefined;
  return {
    pairs: pairs.length,
    usable: batch.size,
    longerIsChosen: shareOf(batch.size, (row) => batch.bytes.chosen[row]! > batch.bytes.rejected[row]!),
    references: references.map((reference, k) => ({
      name: reference.name,
      model: reference.source,
      isPolicy: reference.isPolicy,
      numericPath: reference.key.numericPath,
      sameAs: references.slice(0, k).find(({ key }) => keyText(key) === keyText(reference.key))?.name,
      unusable: unusablePairs(reference, pairs),
      missing: reference.counts.missing,
      ...figures[k]!,
      weight: spreadOf(result.weights[k]!),
      clipShare: (momentsOf(result.isClipped.chosen[k]!).mean + momentsOf(result.isClipped.rejected[k]!).mean) / 2,
      dominance: dominance[k]!,
      health: health[k]!,
    })),
    agreement: table(differences, (a, b) => shareOf(batch.size, (row) => a[row]! > 0 === b[row]! > 0).share),
    correlation: table(differences, correlation),
    objective: name,
    virtualAccuracy: shareOf(batch.size, (row) => result.virtual.chosen[row]! > result.virtual.rejected[row]!),
    stepZero:
      start === undefined
        ? undefined
        : {
            accuracy: shareOf(batch.size, (row) => start[row]! > 0),
            ties: shareOf(batch.size, (row) => start[row] === 0).share,
            margin: spreadOf(start),
          },
    letterNatsPerByte: letterNats,
  };
}

/** The configured objective on all pairs; a method without several references is shown as MRPO would use them. */
async function configuredResult(
  options: ReferenceReportOptions,
  batch: PairBatch,
): Promise<{ name: string; result: ObjectiveResult }> {
  const { loss } = options.objective;
  const config: ObjectiveConfig =
    loss === 'dpo' || loss === 'simpo' || loss === 'custom'
      ? { ...options.objective, loss: 'mrpo' }
      : options.objective;
  const objective = await createObjective(config, { references: batch.references.length, baseDir: options.baseDir });
  objective.fit?.(batch);
  return { name: objective.name, result: objective.evaluate(batch) };
}

/** Reward margins under the objective exactly as configured: what its training starts from. */
async function startMargins(
  { objective: config, baseDir }: ReferenceReportOptions,
  batch: PairBatch,
): Promise<Float64Array> {
  const objective = await createObjective(config, { references: batch.references.length, baseDir });
  objective.fit?.(batch);
  const { rewards } = objective.evaluate(batch);
  return rewards.chosen.map((reward, row) => reward - rewards.rejected[row]!);
}

function healthOf(
  references: readonly ScoredReference[],
  figures: readonly ReferenceFigures[],
  batch: PairBatch,
  pairs: number,
  letterNats: number,
): Health[] {
  const rates = batch.references.map((model) => responseRates(model, batch));
  const all: HealthFigures[] = references.map((reference, k) => ({
    name: reference.name,
    nllPerByte: figures[k]!.nllPerByte,
    gapPerByte: figures[k]!.gapPerByte,
    correlation: correlationWithOthers(rates, k),
    truncatedShare: figures[k]!.truncatedShare,
    brokenLogpShare: reference.unusable.filter((reason) => reason?.startsWith('log-prob') === true).length / pairs,
    maxLength: reference.key.maxLength,
    pairs: batch.size,
  }));
  return all.map((own, k) =>
    checkHealth(
      own,
      all.filter((_, other) => other !== k),
      letterNats,
    ),
  );
}

function correlationWithOthers(rates: readonly Float64Array[], k: number): number {
  const others = rates.filter((_, other) => other !== k);
  if (others.length === 0) return NaN;
  const mean = rates[k]!.map((_, row) => others.reduce((sum, column) => sum + column[row]!, 0) / others.length);
  return correlation(rates[k]!, mean);
}

const table = (columns: readonly Float64Array[], value: (a: Float64Array, b: Float64Array) => number): number[][] =>
  columns.map((a) => columns.map((b) => (a === b ? 1 : value(a, b))));
