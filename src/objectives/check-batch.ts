/**
 * What a batch must be before any formula sees it: columns of one length, log-probs finite and <= 0, lengths >= 1.
 * The first offence is a typed error that names the row and the model.
 */
import { MrpoError } from '../core/errors.js';
import { SIDES } from '../core/sides.js';
import type { ModelColumns, PairBatch } from './objective.js';

/** Throws `data` for the first value that is not a log-prob, `usage` for columns that do not fit together. */
export function checkBatch(batch: PairBatch, references: number): void {
  checkModel(batch, batch.policy, 'policy');
  checkReferences(batch, references);
}

/** The same for the references alone: what `fit` reads. */
export function checkReferences(batch: PairBatch, references: number): void {
  if (batch.references.length !== references) {
    throw new MrpoError(
      'usage',
      `batch: expected log-probs of ${references} references, got ${batch.references.length}`,
    );
  }
  for (let k = 0; k < references; k++) checkModel(batch, batch.references[k]!, `reference ${k + 1}`);
}

function checkModel(batch: PairBatch, model: ModelColumns, name: string): void {
  for (const side of SIDES) {
    const { logps } = model[side];
    checkLength(logps, batch, `${name}, ${side} log-probs`);
    for (let row = 0; row < logps.length; row++) {
      const logp = logps[row]!;
      if (!(logp <= 0 && logp > -Infinity)) throw badLogp(batch, row, name, side, logp);
    }
  }
}

/** Lengths that log-probs are divided by: one per row, each >= 1. */
export function checkLengths(lengths: Float64Array, batch: PairBatch, what: string): void {
  checkLength(lengths, batch, what);
  for (let row = 0; row < lengths.length; row++) {
    const length = lengths[row]!;
    if (!(length >= 1 && length < Infinity)) {
      throw new MrpoError(
        'data',
        `row ${rowName(batch, row)}, ${what}: got ${Number.isNaN(length) ? 'nothing' : length}, expected a count of at least 1`,
        {
          details: { row: rowName(batch, row), what, value: length },
        },
      );
    }
  }
}

/** How messages call row `row` of a batch. */
export function rowName(batch: Pick<PairBatch, 'rowIds'>, row: number): string | number {
  return batch.rowIds?.[row] ?? row;
}

function checkLength(column: Float64Array, batch: PairBatch, what: string): void {
  if (column.length !== batch.size) {
    throw new MrpoError('usage', `batch: ${what} have ${column.length} rows, expected ${batch.size}`);
  }
}

function badLogp(batch: PairBatch, row: number, model: string, side: string, value: number): MrpoError {
  const name = rowName(batch, row);
  return new MrpoError(
    'data',
    `row ${name}, ${model}, ${side} response: log-prob is ${value}, expected a finite number <= 0`,
    {
      hint: Number.isFinite(value)
        ? 'Log-probs are natural logarithms of probabilities; a positive one comes from another quantity or unit.'
        : `The model gave no usable probability for this response. Leave the pair out, or check the precision of the ${model.split(' ')[0]}.`,
      details: { row: name, model, side, value },
    },
  );
}
