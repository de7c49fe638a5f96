/** What other settings would do, before any training: every setting of a sweep on the same pairs. */
import type { ObjectiveConfig } from '../../config/index.js';
import type { PreferencePair } from '../../data/pair.js';
import type { PairBatch } from '../../objectives/objective.js';
import { shareFrom, shareOf, spreadOf, type Share, type Spread } from '../analysis/shares.js';
import { usableBatch } from '../analysis/usable-batch.js';
import type { ReferenceScores } from '../reference-scores.js';
import { createOffsetCalculator, type SettingColumns } from './offsets.js';
import { assumedInstead, sweepSettings, type Setting } from './setting.js';

/** What one setting does to the pairs. Shares from 0 to 1, offsets in the unit of the margin. */
export interface SettingResult {
  readonly setting: Setting;
  /** Share of pairs that the virtual reference itself ranks right. */
  readonly virtualAccuracy: Share;
  /** Reward accuracy before any training; `undefined` where the policy's start is not scored. */
  readonly stepZeroAccuracy: Share | undefined;
  /** What the setting adds to every pair's DPO margin, for good. */
  readonly offset: Spread;
  /** Of pairs of unequal length whose offset is not 0: share where it favours the longer response. */
  readonly favoursLonger: Share;
  /** Share of pairs that pull the policy at step 0 at least a tenth less, and more, than under DPO. */
  readonly weakened: number;
  readonly strengthened: number;
}

/** Results of a sweep. */
export interface Whatif {
  /** Pairs asked for. */
  readonly pairs: number;
  /** Pairs with log-probs under every reference: all figures are of these. */
  readonly usable: number;
  /** Names in configuration order. */
  readonly references: readonly string[];
  readonly beta: number;
  /** Baseline: share of pairs whose chosen response is the longer text, in bytes. */
  readonly longerIsChosen: Share;
  /** Whether the policy's start is scored; without it there are no figures of step 0. */
  readonly policyKnown: boolean;
  /** Set where the sweep is of another objective than the configured one: which, and why. */
  readonly assumed: string | undefined;
  /** DPO against RefM1 at step 0: 0 for all pairs where RefM1 is the policy's start. */
  readonly dpoStepZeroAccuracy: Share | undefined;
  /** The configured setting first. */
  readonly results: readonly SettingResult[];
  /** Offsets of the configured setting, for a histogram: of pairs whose chosen response is longer, and of the others. */
  readonly configuredOffsets: { readonly chosenLonger: Float64Array; readonly chosenShorter: Float64Array };
}

/** Scores, and the pairs they belong to, in the same order. */
export interface WhatifOptions {
  readonly scores: ReferenceScores;
  readonly pairs: readonly PreferencePair[];
  readonly objective: ObjectiveConfig;
  /** Settings done and settings in all. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Evaluates every setting of the sweep; needs no model.
 * @throws MrpoError `data` if no pair is usable.
 */
export async function exploreSettings(options: WhatifOptions): Promise<Whatif> {
  const { scores, pairs, objective } = options;
  const { batch, policyKnown } = usableBatch(scores, pairs);
  const names = scores.references.map(({ name }) => name);
  const { results, configured, dpoMargin } = await sweepBatch(batch, policyKnown, names, objective, options.onProgress);
  const longer = batch.bytes.chosen.map((bytes, row) => (bytes > batch.bytes.rejected[row]! ? 1 : 0));
  return {
    pairs: pairs.length,
    usable: batch.size,
    references: names,
    beta: objective.beta,
    longerIsChosen: shareOf(batch.size, (row) => longer[row] === 1),
    policyKnown,
    assumed: assumedInstead(objective),
    dpoStepZeroAccuracy: policyKnown ? shareOf(batch.size, (row) => dpoMargin[row]! > 0) : undefined,
    results,
    configuredOffsets: {
      chosenLonger: configured.offset.filter((_, row) => longer[row] === 1),
      chosenShorter: configured.offset.filter((_, row) => longer[row] === 0),
    },
  };
}

/** The sweep on one batch; `names` of its references in order. */
export async function sweepBatch(
  batch: PairBatch,
  policyKnown: boolean,
  names: readonly string[],
  objective: ObjectiveConfig,
  onProgress?: (done: number, total: number) => void,
): Promise<{ results: SettingResult[]; configured: SettingColumns; dpoMargin: Float64Array }> {
  const calculator = createOffsetCalculator(batch, objective);
  const { dpoMargin } = calculator;
  const dpo: DpoStart = { margin: dpoMargin, resistance: dpoMargin.map(resistance) };
  const settings = sweepSettings(objective, names);
  const results: SettingResult[] = [];
  let configured: SettingColumns | undefined;
  /** What a setting does, by what it is: the configured one and some of the grid appear in several groups. */
  const known = new Map<string, Omit<SettingResult, 'setting'>>();
  for (const [index, setting] of settings.entries()) {
    const { references, clip, weights, pooling } = setting;
    const meaning = JSON.stringify([references, clip, weights, pooling]);
    let figures = known.get(meaning);
    if (figures === undefined) {
      const columns = await calculator.columns(setting);
      configured ??= columns;
      figures = summarise(columns, dpo, batch, policyKnown);
      known.set(meaning, figures);
    }
    results.push({ setting, ...figures });
    onProgress?.(index + 1, settings.length);
  }
  if (configured === undefined) throw new Error('a sweep has at least the configured setting');
  return { results, configured, dpoMargin };
}

/** DPO at step 0, which every setting is compared with. */
interface DpoStart {
  readonly margin: Float64Array;
  readonly resistance: Float64Array;
}

function summarise(
  columns: SettingColumns,
  dpo: DpoStart,
  batch: PairBatch,
  policyKnown: boolean,
): Omit<SettingResult, 'setting'> {
  const { virtual, offset } = columns;
  const { size, bytes } = batch;
  let [favouring, deciding, weakened, strengthened, rightVirtually, rightAtStart] = [0, 0, 0, 0, 0, 0];
  for (let row = 0; row < size; row++) {
    const added = offset[row]!;
    if (virtual.chosen[row]! > virtual.rejected[row]!) rightVirtually++;
    if (dpo.margin[row]! + added > 0) rightAtStart++;
    const longer = bytes.chosen[row]! - bytes.rejected[row]!;
    if (added !== 0 && longer !== 0) {
      deciding++;
      if (added > 0 === longer > 0) favouring++;
    }
    const pull = added === 0 ? 1 : dpo.resistance[row]! / resistance(dpo.margin[row]! + added);
    if (pull < 0.9) weakened++;
    else if (pull > 1.1) strengthened++;
  }
  return {
    virtualAccuracy: shareFrom(rightVirtually, size),
    stepZeroAccuracy: policyKnown ? shareFrom(rightAtStart, size) : undefined,
    offset: spreadOf(offset),
    favoursLonger: shareFrom(favouring, deciding),
    weakened: weakened / size,
    strengthened: strengthened / size,
  };
}

/**
 * 1 / sigma(-margin) = 1 + e^margin. A pair pulls with sigma(-margin); of two pulls the ratio is taken of these, which
 * do not vanish. Cut where a double would overflow.
 */
function resistance(margin: number): number {
  return 1 + Math.exp(Math.min(margin, 700));
}
