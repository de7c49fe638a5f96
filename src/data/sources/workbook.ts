/** Excel workbooks (.xlsx): the one sheet with rows, or the one that is named; its first row names the columns. */
import { readFile } from 'node:fs/promises';
import type { CellValue, Sheet } from 'read-excel-file/node';

import { MrpoError } from '../../core/errors.js';
import { checkedHeader } from './header.js';
import { DEFAULT_MAX_UNPACKED_BYTES, type RawRow, type RowSource, type SourceOptions } from './source.js';
import { gigabytes, tooMuch } from './unpack.js';
import { readSheetsApart } from './workbook-worker.js';

const BATCH_ROWS = 1024;
/** A workbook is read as a whole, at many times its size: a larger one is better saved as CSV. */
const MAX_XML_BYTES = 5e8;

/** The reader of workbooks never answers for some damaged ones: so long is waited, and longer for each byte of XML. */
const PATIENCE_MS = 10_000;
const PATIENCE_MS_PER_BYTE = 1e-3;

/** Whether names inside a zip archive are those of a workbook. */
export const isWorkbook = (names: readonly string[]): boolean => names.includes('xl/workbook.xml');

/** Which sheet is read. */
export interface WorkbookOptions extends SourceOptions {
  /** Name of a sheet. */
  readonly split?: string | undefined;
}

/**
 * Opens the sheet that is meant.
 * @param unpackedBytes what its parts claim to unpack to.
 * @throws MrpoError `data` if it is damaged, too large, or has several sheets of which none is chosen.
 */
export async function openWorkbook(path: string, unpackedBytes: number, options: WorkbookOptions): Promise<RowSource> {
  const limit = options.maxUnpackedBytes ?? DEFAULT_MAX_UNPACKED_BYTES;
  if (unpackedBytes > limit)
    throw tooMuch(path, `it unpacks to ${gigabytes(unpackedBytes)}, more than ${gigabytes(limit)}`, limit);
  if (unpackedBytes > MAX_XML_BYTES)
    throw new MrpoError(
      'data',
      `${path}: a workbook of ${gigabytes(unpackedBytes)}; expected at most ${gigabytes(MAX_XML_BYTES)}`,
      {
        hint: 'Save the sheet as CSV (UTF-8) and name that file.',
      },
    );
  const sheets = await readSheets(path, PATIENCE_MS + PATIENCE_MS_PER_BYTE * unpackedBytes);
  const { sheet, data } = chosenSheet(path, sheets, options.split);
  const top = data.findIndex((cells) => cells.some(isFilled));
  const header = checkedHeader(
    (data[top] ?? []).map(cellText),
    path,
    `row ${top + 1} of sheet ${JSON.stringify(sheet)}`,
  );
  const notes = sheets.length > 1 ? [`sheet ${JSON.stringify(sheet)} of ${sheets.length}`] : [];
  return { kind: 'Excel workbook', place: 'row', notes, batches: sheetRows(header, data, top + 1) };
}

async function readSheets(path: string, patienceMs: number): Promise<Sheet[]> {
  try {
    return await readSheetsApart(await readFile(path), patienceMs);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new MrpoError('data', `${path}: damaged Excel workbook: ${message}`, {
      cause,
      hint: 'Open it in a spreadsheet program and save it again, as .xlsx or as CSV (UTF-8).',
    });
  }
}

function chosenSheet(path: string, sheets: readonly Sheet[], split: string | undefined): Sheet {
  const filled = sheets.filter(({ data }) => data.some((cells) => cells.some(isFilled)));
  const chosen = split === undefined ? filled : sheets.filter(({ sheet }) => sheet === split);
  const [only, ...others] = chosen;
  if (only !== undefined && others.length === 0) return only;
  const there = sheets.map(({ sheet, data }) => `${JSON.stringify(sheet)} (${data.length} rows)`).join(', ');
  if (split === undefined && filled.length === 0)
    throw new MrpoError('data', `${path}: has no rows; its sheets: ${there}`);
  const what = split === undefined ? `${filled.length} sheets with rows` : `no sheet ${JSON.stringify(split)}`;
  throw new MrpoError('data', `${path}: has ${what}; its sheets: ${there}`, {
    hint: 'Say which with split: NAME beside path: (mrpo data: --split NAME).',
  });
}

/** @param first index of the first row of data; `line` is the row number that the spreadsheet program shows. */
async function* sheetRows(
  header: readonly string[],
  data: readonly (readonly (CellValue | null)[])[],
  first: number,
): AsyncGenerator<readonly RawRow[]> {
  for (let start = first; start < data.length; start += BATCH_ROWS) {
    yield await Promise.resolve(
      data.slice(start, start + BATCH_ROWS).flatMap((cells, index): RawRow[] => {
        if (!cells.some(isFilled)) return [];
        const named = header.flatMap((name, column) =>
          name === '' ? [] : [[name, cellValueOf(cells[column])] as const],
        );
        return [{ line: start + index + 1, value: Object.fromEntries(named) }];
      }),
    );
  }
}

const isFilled = (cell: CellValue | null | undefined): boolean => cell !== null && cell !== undefined && cell !== '';

/** Cells as a CSV file of the same sheet has them: text. A date stays one: what was typed is not known any more. */
function cellValueOf(cell: CellValue | null | undefined): unknown {
  return cell instanceof Date ? cell : cellText(cell);
}

function cellText(cell: CellValue | null | undefined): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell === 'boolean') return cell ? 'TRUE' : 'FALSE';
  return cell instanceof Date ? cell.toISOString() : String(cell);
}
