/** Schemas of public data sets, trainers, services, annotation tools and spreadsheets: read rightly, or refused; never wrong in silence. */
import { describe, expect, it } from 'vitest';

import { readPreferenceData, type PreferencePair, type ReadOptions } from '../../src/data/index.js';
import type { SchemaCase } from './schemas/cases.js';
import { FILES } from './schemas/files.js';
import { LISTS } from './schemas/lists.js';
import { marked } from './schemas/marked.js';
import { PAIRS } from './schemas/pairs.js';
import { VERDICTS } from './schemas/verdicts.js';
import { dataFolder, failureOf, lines } from './support.js';

const folder = dataFolder();

const textOf = (messages: PreferencePair['prompt']): string =>
  messages.map(({ content, extra }) => `${content} ${JSON.stringify(extra ?? '')}`).join('\n');
const goodness = (text: string): number => ['BAD', 'MID', 'GOOD'].findIndex((word) => text.includes(word));

/** What is wrong with a pair, by the words inside it. */
function faults({ prompt, chosen, rejected, tools }: PreferencePair, rows: readonly object[]): string[] {
  const [asked, good, bad] = [`${textOf(prompt)} ${JSON.stringify(tools ?? '')}`, textOf(chosen), textOf(rejected)];
  const number = / number (\d+)\./.exec(good)?.[1];
  const own = rows.map((row) => JSON.stringify(row)).filter((row) => row.includes(` number ${number}.`));
  const words = own.flatMap((row) => row.match(/\b(?:ask|sys|ctx|his|tool)\d+\b/g) ?? []);
  return [
    ...(goodness(good) > goodness(bad) && goodness(bad) >= 0 ? [] : [`not good over bad: ${good} | ${bad}`]),
    ...(/GOOD|BAD|MID/.test(asked) ? [`an answer in the prompt: ${asked}`] : []),
    ...(`${asked} ${good} ${bad}`.includes('META') ? ['what is said about the row stands in it'] : []),
    ...words.filter((word) => !`${asked} ${good}`.includes(word)).map((word) => `lost: ${word}`),
  ];
}

/** Options that a hint spells out from end to end; those that leave something to be filled in are the user's to know. */
function spelledOut(hint: string): ReadOptions[] {
  return [...hint.matchAll(/--columns ([^\s)]+=[^\s),]+)(?=[\s),.])(?! --verdict| if)/g)]
    .map(([, columns = '']) => columns.replace(/\.$/, ''))
    .filter((columns) => !columns.includes('...'))
    .map((columns) => ({ columns: Object.fromEntries(columns.split(',').map((entry) => entry.split('='))) as never }));
}

async function expectNoFault(path: string, rows: readonly object[], options: ReadOptions): Promise<number> {
  const data = await readPreferenceData(path, options);
  expect(data.pairs.flatMap((pair) => faults(pair, rows))).toEqual([]);
  return data.pairs.length;
}

describe.each(Object.entries({ PAIRS, VERDICTS, LISTS, FILES }))('%s', (_group, cases: readonly SchemaCase[]) => {
  it.each(cases)('$what', async ({ row, options = {}, pairs, refused, rows: count = 6, file }) => {
    const rows = Array.from({ length: count }, (_, index) => row(marked(index))).flat();
    const path = folder.write(...(file?.(rows) ?? (['rows.jsonl', lines(...rows)] as const)));
    if (refused === undefined) {
      expect(await expectNoFault(path, rows, options)).toBe(pairs ?? count);
      return;
    }
    const { message, hint = '' } = await failureOf(readPreferenceData(path, options));
    expect(`${message} ${hint}`).toContain(refused);
    for (const way of spelledOut(`${message} ${hint}`)) {
      const wrong = await expectNoFault(path, rows, { ...options, ...way }).catch((error: unknown) => error);
      if (wrong instanceof Error && wrong.name === 'AssertionError') throw wrong;
    }
  });
});
