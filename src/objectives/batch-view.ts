/** A batch in one unit (nats, per token, per byte): what the formulas of src/math read. */
import { SIDES, eachSide, type Sides } from '../core/sides.js';
import { perLength, type Unit } from '../math/normalization.js';
import { checkLengths } from './check-batch.js';
import type { ModelColumns, PairBatch } from './objective.js';

/** B pairs under K references; every column has length B and is in the unit of `objective.normalization`. */
export interface BatchView {
  readonly batch: PairBatch;
  readonly policy: Sides<Float64Array>;
  readonly references: readonly Sides<Float64Array>[];
  /** What the policy's log-probs were divided by; absent for sums. */
  readonly policyLengths: Sides<Float64Array> | undefined;
}

/**
 * Divides every log-prob by its response's length where the unit has one.
 * @throws MrpoError `data` for a length below 1; names the row.
 */
export function viewBatch(batch: PairBatch, unit: Unit): BatchView {
  return {
    batch,
    policy: inUnit(batch, batch.policy, unit, 'policy'),
    references: referencesInUnit(batch, unit),
    policyLengths: lengthsOf(batch, batch.policy, unit),
  };
}

/** The references' log-probs alone, in a unit of their own: what weights compare. */
export function referencesInUnit(batch: PairBatch, unit: Unit): Sides<Float64Array>[] {
  return batch.references.map((model, k) => inUnit(batch, model, unit, `reference ${k + 1}`));
}

/** One model's log-probs in a unit. @param name How messages call the model. */
export function inUnit(batch: PairBatch, model: ModelColumns, unit: Unit, name: string): Sides<Float64Array> {
  const lengths = lengthsOf(batch, model, unit);
  if (lengths !== undefined) {
    const what = unit === 'byte' ? 'UTF-8 bytes' : `tokens of ${name}`;
    for (const side of SIDES) checkLengths(lengths[side], batch, `${side} ${what}`);
  }
  return eachSide((side) => perLength(model[side].logps, lengths?.[side]));
}

function lengthsOf(batch: PairBatch, model: ModelColumns, unit: Unit): BatchView['policyLengths'] {
  if (unit === 'sum') return undefined;
  return unit === 'byte' ? batch.bytes : eachSide((side) => model[side].tokens);
}
