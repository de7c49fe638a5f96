/** A batch in one unit (nats, per token, per byte): what the formulas of src/math read. */
import type { LogpColumns } from '../math/margin.js';
import { perLength, type Unit } from '../math/normalization.js';
import { checkLengths } from './check-batch.js';
import type { ModelColumns, PairBatch } from './objective.js';

export interface BatchView {
  readonly batch: PairBatch;
  readonly policy: LogpColumns;
  readonly references: readonly LogpColumns[];
  /** What the policy's log-probs were divided by; absent for sums. */
  readonly policyLengths: { readonly chosen: Float64Array; readonly rejected: Float64Array } | undefined;
}

export function viewBatch(batch: PairBatch, unit: Unit): BatchView {
  return {
    batch,
    policy: inUnit(batch, batch.policy, unit, 'policy'),
    references: referencesInUnit(batch, unit),
    policyLengths: lengthsOf(batch, batch.policy, unit),
  };
}

/** The references' log-probs alone, in a unit of their own: what weights compare. */
export function referencesInUnit(batch: PairBatch, unit: Unit): LogpColumns[] {
  return batch.references.map((model, k) => inUnit(batch, model, unit, `reference ${k + 1}`));
}

function inUnit(batch: PairBatch, model: ModelColumns, unit: Unit, name: string): LogpColumns {
  const lengths = lengthsOf(batch, model, unit);
  if (lengths !== undefined) {
    const what = unit === 'byte' ? 'UTF-8 bytes' : `tokens of ${name}`;
    checkLengths(lengths.chosen, batch, `chosen ${what}`);
    checkLengths(lengths.rejected, batch, `rejected ${what}`);
  }
  return {
    chosen: perLength(model.chosen.logps, lengths?.chosen),
    rejected: perLength(model.rejected.logps, lengths?.rejected),
  };
}

function lengthsOf(batch: PairBatch, model: ModelColumns, unit: Unit): BatchView['policyLengths'] {
  if (unit === 'sum') return undefined;
  if (unit === 'byte') return { chosen: batch.chosenBytes, rejected: batch.rejectedBytes };
  return { chosen: model.chosen.tokens, rejected: model.rejected.tokens };
}
