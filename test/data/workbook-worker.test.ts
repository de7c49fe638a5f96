/** A reader of workbooks that throws where nobody can catch it, or never answers, ends in an error of the file, and the program goes on. */
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

import { readSheetsApart } from '../../src/data/sources/workbook-worker.js';
import { workbookOf } from './writers.js';

const reader = (name: string): string => fileURLToPath(new URL(`fixtures/readers/${name}.mjs`, import.meta.url));
const ONE_CELL = workbookOf({ first: [['prompt'], ['q']] });

it.each([
  ['throws-later', 60_000, 'a stream broke'],
  ['falls-silent', 60_000, 'it could not be read to its end'],
  ['never-answers', 500, 'it could not be read within 1 s'],
])('%s', async (name, patienceMs, message) => {
  await expect(readSheetsApart(ONE_CELL, patienceMs, reader(name))).rejects.toThrow(message);
});

it('a sound workbook is read', async () => {
  const sheets = await readSheetsApart(ONE_CELL, 60_000);
  expect(sheets.map(({ sheet, data }) => [sheet, data])).toEqual([['first', [['prompt'], ['q']]]]);
});
