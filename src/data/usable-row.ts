/** A row as the formats get it: an object, of text only, with the messages read that are written in it as text. */
import { describeValue } from '../core/describe-value.js';
import { withEmbedded } from './embedded.js';
import { isRow, type Row } from './fields.js';
import { RowProblem } from './row-problem.js';
import type { RawRow } from './sources/source.js';
import type { Tally } from './tally.js';

/** Fields that make a row something else than text. */
const REFUSED_FIELDS = ['images', 'image', 'videos', 'video', 'audios', 'audio'];

/** The fields of a row. @throws RowProblem if the row could not be read, is no object, or holds what is not text. */
export function usableRow(raw: RawRow, tally: Tally): Row {
  if (raw.problem !== undefined) throw new RowProblem(raw.problem);
  const row = raw.value;
  if (!isRow(row)) throw new RowProblem(`expected an object with fields, got ${describeValue(row)}`);
  for (const field of REFUSED_FIELDS) {
    if (isPresent(row[field])) throw new RowProblem(`${field}: only text can be used`);
  }
  return withEmbedded(row, tally);
}

const isPresent = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
