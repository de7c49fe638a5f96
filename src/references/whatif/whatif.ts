/** What other settings would do, before any training: every setting of a sweep on the same pairs. */
import type { ObjectiveConfig } from '../../config/index.js';
import type { PreferencePair } from '../../data/pair.js';
import type { PairBatch } from '../../objectives/objective.js';
import { shareOf, spreadOf, type Share, type Spread } from '../analysis/shares.js';
import { usableBatch } from '../analysis/usable-batch.js';
import type { ReferenceScores } from '../reference-scores.js';
import { createOffsetCalculator, type SettingColumns } from './offsets.js';
import { sweepSettings, type Setting } from './setting.js';

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

export interface Whatif {
  readonly pairs: number;
  readonly usable: number;
  readonly references: readonly string[];
  readonly beta: number;
  readonly longerIsChosen: Share;
  readonly policyKnown: boolean;
  /** DPO against RefM1 at step 0: 0 for all pairs where RefM1 is the policy's start. */
  readonly dpoStepZeroAccuracy: Share | undefined;
  readonly results: readonly SettingResult[];
  /** Offsets of the configured setting, for a histogram: of pairs whose chosen response is longer, and of the others. */
  readonly configuredOffsets: { readonly chosenLonger: Float64Array; readonly chosenShorter: Float64Array };
}

export interface WhatifOptions {
  readonly scores: ReferenceScores;
  readonly pairs: readonly PreferencePair[];
  readonly objective: ObjectiveConfig;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** @throws MrpoError `data` if no pair is usable. */
export async function exploreSettings(options: WhatifOptions): Promise<Whatif> {
  const { scores, pairs, objective } = options;
  const { batch, policyKnown } = usableBatch(scores, pairs);
  const names = scores.references.map(({ name }) => name);
  const { results, configured, dpoMargin } = await sweepBatch(batch, policyKnown, names, objective, options.onProgress);
  const longer = batch.chosenBytes.map((bytes, row) => (bytes > batch.rejectedBytes[row]! ? 1 : 0));
  return {
    pairs: pairs.length,
    usable: batch.size,
    references: names,
    beta: objective.beta,
    longerIsChosen: shareOf(batch.size, (row) => longer[row] === 1),
    policyKnown,
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
  const settings = sweepSettings(objective, names);
  const results: SettingResult[] = [];
  let configured: SettingColumns | undefined;
  for (const [index, setting] of settings.entries()) {
    const columns = await calculator.columns(setting);
    configured ??= columns;
    results.push(summarise(setting, columns, dpoMargin, batch, policyKnown));
    onProgress?.(index + 1, settings.length);
  }
  if (configured === undefined) throw new Error('a sweep has at least the configured setting');
  return { results, configured, dpoMargin };
}

function summarise(setting: Setting, columns: SettingColumns, dpoMargin: Float64Array, batch: PairBatch, policyKnown: boolean): SettingResult {
  const { virtualChosen, virtualRejected, offset } = columns;
  const { size, chosenBytes, rejectedBytes } = batch;
  let [favouring, deciding, weakened, strengthened] = [0, 0, 0, 0];
  for (let row = 0; row < size; row++) {
    const added = offset[row]!;
    const longer = chosenBytes[row]! - rejectedBytes[row]!;
    if (added !== 0 && longer !== 0) {
      deciding++;
      if (added > 0 === longer > 0) favouring++;
    }
    const pull = pullRatio(dpoMargin[row]!, added);
    if (pull < 0.9) weakened++;
    else if (pull > 1.1) strengthened++;
  }
  return {
    setting,
    virtualAccuracy: shareOf(size, (row) => virtualChosen[row]! > virtualRejected[row]!),
    stepZeroAccuracy: policyKnown ? shareOf(size, (row) => dpoMargin[row]! + offset[row]! > 0) : undefined,
    offset: spreadOf(offset),
    favoursLonger: shareOf(deciding, (i) => i < favouring),
    weakened: weakened / size,
    strengthened: strengthened / size,
  };
}

/** A pair pulls with sigma(-margin): how much harder it does with the offset than without. */
function pullRatio(margin: number, offset: number): number {
  // sigma(-(m + o)) / sigma(-m) without the quotient of two tiny numbers
  return offset === 0 ? 1 : (1 + Math.exp(Math.min(margin, 700))) / (1 + Math.exp(Math.min(margin + offset, 700)));
}
