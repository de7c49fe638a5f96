/**
 * What further references do to DPO, exactly. With the virtual log-probs l~ and those of RefM1, l_1,
 *
 *   margin of MRPO = beta [(l(w) - l~(w)) - (l(l) - l~(l))] = margin of DPO + offset
 *   offset         = beta [(l_1(w) - l~(w)) - (l_1(l) - l~(l))]
 *
 * The offset is one constant per pair: it depends neither on the policy nor on the training step. So everything that a
 * setting changes can be seen before training. Weights come from the objective itself, trust region and pooling from
 * the same functions of src/math that it uses; what depends on fewer settings than the result is computed once.
 */
import type { ObjectiveConfig } from '../../config/index.js';
import { eachSide, type Side, type Sides } from '../../core/sides.js';
import { adaptiveEpsilonColumns } from '../../math/adaptive-epsilon.js';
import { poolColumns } from '../../math/pooling.js';
import { clipColumns } from '../../math/trust-region.js';
import { createObjective } from '../../objectives/create-objective.js';
import { inUnit, referencesInUnit } from '../../objectives/batch-view.js';
import type { PairBatch } from '../../objectives/objective.js';
import { logpTable, poolingPower, type LogpTable } from '../../objectives/virtual-reference.js';
import type { Clip, Setting, Weights } from './setting.js';

/** Columns of length B, in the unit of `objective.normalization`. */
export interface SettingColumns {
  /** Log-probs of the virtual reference. */
  readonly virtual: Sides<Float64Array>;
  /** beta times what the setting adds to DPO's margin against the first reference of the configuration. */
  readonly offset: Float64Array;
}

/** Evaluates settings on one batch; the parts that several settings share are kept. */
export interface OffsetCalculator {
  /** DPO's margin of the policy's start against RefM1. */
  readonly dpoMargin: Float64Array;
  columns(setting: Setting): Promise<SettingColumns>;
}

/** Prepares a batch. Settings are evaluated in its normalization and with its beta. */
export function createOffsetCalculator(batch: PairBatch, objective: ObjectiveConfig): OffsetCalculator {
  const { beta } = objective;
  const all = referencesInUnit(batch, objective.normalization);
  const policy = inUnit(batch, batch.policy, objective.normalization, 'policy');
  const [first = policy] = all;
  const firstGap = difference(first.chosen, first.rejected);
  const weightsOf = remember((weights: Weights, references: readonly number[]) =>
    objectiveWeights(batch, objective, weights, references),
  );
  const widestEpsilon = remember((references: readonly number[]) => {
    const { chosen, rejected } = tableOf(all, references);
    return adaptiveEpsilonColumns(chosen, rejected, 1);
  });
  const clippedTable = remember((clip: Clip, references: readonly number[]) =>
    clipped(tableOf(all, references), clip, () => widestEpsilon(references)),
  );
  return {
    dpoMargin: difference(policy.chosen, policy.rejected).map((gap, row) => beta * (gap - firstGap[row]!)),
    async columns({ references, clip, weights, pooling }) {
      const table = clippedTable(clip, references);
      const alpha = await weightsOf(weights, references);
      const power = poolingPower(pooling);
      const virtual = eachSide((side) => poolColumns(table[side], alpha, power));
      const offset = new Float64Array(batch.size);
      for (let row = 0; row < offset.length; row++)
        offset[row] = beta * (firstGap[row]! - (virtual.chosen[row]! - virtual.rejected[row]!));
      return { virtual, offset };
    },
  };
}

/** Weights of a subset under the objective's own rules. The pooling does not matter here; this one is the cheapest. */
async function objectiveWeights(
  batch: PairBatch,
  config: ObjectiveConfig,
  weights: Weights,
  references: readonly number[],
): Promise<readonly Float64Array[]> {
  const part: PairBatch = { ...batch, references: references.flatMap((k) => batch.references[k] ?? []) };
  const objective = await createObjective(
    { ...config, loss: 'mrpo', official_code: false, weights, clip: { mode: 'off' }, pooling: 'geometric' },
    { references: references.length },
  );
  objective.fit?.(part);
  return objective.evaluate(part).weights;
}

/** Eq. 9 is proportional to epsilon_max: columns for 1 serve every width. */
function clipped(table: LogpTable, clip: Clip, widest: () => Sides<Float64Array>): LogpTable {
  if (clip.mode === 'off') return table;
  const scaled = (side: Side): Float64Array =>
    clip.mode === 'fixed'
      ? new Float64Array(table[side][0]?.length ?? 0).fill(clip.epsilon)
      : widest()[side].map((epsilon) => epsilon * clip.epsilon_max);
  return eachSide((side) => clipColumns(table[side], scaled(side)).logps);
}

const tableOf = (all: readonly Sides<Float64Array>[], references: readonly number[]): LogpTable =>
  logpTable(references.flatMap((k) => all[k] ?? []));

const difference = (left: Float64Array, right: Float64Array): Float64Array =>
  left.map((value, row) => value - right[row]!);

/** A function of small plain values that computes each result once. */
function remember<A extends unknown[], R>(compute: (...given: A) => R): (...given: A) => R {
  const known = new Map<string, R>();
  return (...given) => {
    const key = JSON.stringify(given);
    const result = known.get(key) ?? compute(...given);
    known.set(key, result);
    return result;
  };
}
