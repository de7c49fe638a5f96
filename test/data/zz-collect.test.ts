/**
 * Any pairs, written in every schema and container that can hold them, are read back as the same pairs or refused: never
 * with their sides exchanged, never as other pairs. MRPO_PROPERTY_CASES sets how many cases are tried.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { MrpoError } from '../../src/core/errors.js';
import { readPreferenceData, type PreferencePair } from '../../src/data/index.js';
import { PAIR_WRITERS, type Draw, type Meant, type PairWriter, type Written } from './pair-writers.js';
import { dataFolder } from './support.js';
import { ANY_SHAPE, FLAT, type TableRow } from './writers.js';

const CASES = Number(process.env['MRPO_PROPERTY_CASES'] ?? 600);
const folder = dataFolder();

const WORDS =
  'river lamp Basil the owl sleeps in a tree hole water it from below quietly Zürich 中文 é😀 x=1; "so" it\'s <b> & 42 A. B? no-one 3/4'.split(
    ' ',
  );
/** Texts that look like something else: verdicts, marks, numbers, JSON, Markdown. */
const ODD = [
  'A',
  'B',
  'tie',
  'chosen',
  'rejected',
  'yes',
  '1',
  '0',
  '4.5',
  '-1',
  'true',
  'None',
  '[1, 2]',
  '{"a": 1}',
  '["x"]',
  'NaN',
  '# Title\n\n- one\n- two',
  'line one\r\nline two',
  'it\'s \\ a "test"\ttab',
  'Answer: B',
  'response_a',
];
const text = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.array(fc.constantFrom(...WORDS), { minLength: 1, maxLength: 9 }).map((words) => words.join(' ')),
  },
  { weight: 1, arbitrary: fc.constantFrom(...ODD) },
);
const pair = fc
  .record({
    system: fc.option(text, { nil: undefined }),
    turns: fc.constantFrom(1, 1, 3, 5).chain((length) => fc.array(text, { minLength: length, maxLength: length })),
    chosen: text,
    rejected: text,
  })
  .filter(({ chosen, rejected }) => chosen !== rejected);
/** Each question is asked once: where answers are gathered by prompt, two pairs of one prompt are other pairs. */
const numbered = (pairs: readonly Meant[], from: number): Meant[] =>
  pairs.map((one, index) => ({ ...one, turns: [...one.turns.slice(0, -1), `${one.turns.at(-1)} (${from + index})`] }));

/** Columns that say nothing about the pair. */
const BESIDE: readonly TableRow[] = [
  { id: 17 },
  { uuid: '0b2f-11' },
  { source: 'web' },
  { dataset: 'mine' },
  { language: 'en', created_at: '2024-05-01T00:00:00Z' },
  { model_name: 'm-7b' },
  { idx: 3, category: 'chat' },
];

function seededDraw(seed: number): Draw {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const whole = (below: number): number => Math.floor(next() * below);
  const shuffled = <T>(values: readonly T[]): T[] =>
    values
      .map((value) => [next(), value] as const)
      .sort(([a], [b]) => a - b)
      .map(([, value]) => value);
  return {
    whole,
    shuffled,
    coin: () => next() < 0.5,
    of: (values) => values[whole(values.length)] as (typeof values)[number],
  };
}

/** What a writer can hold of a pair. */
const fitting = ({ holds }: PairWriter, { system, turns, ...rest }: Meant): Meant => ({
  ...((holds === 'system' || holds === 'turns') && { system }),
  turns: holds === 'talk' || holds === 'turns' ? turns : turns.slice(-1),
  ...rest,
});

/** One text for a pair: equal for what it means, whatever the file. */
const meaning = ({ system, turns, chosen, rejected }: Meant, trims: boolean): string =>
  JSON.stringify(
    [...(system === undefined ? [] : [system]), ...turns, '|', chosen, '|', rejected].map((part) =>
      trims ? part.trim() : part,
    ),
  );
const readMeaning = ({ prompt, chosen, rejected }: PreferencePair): string =>
  JSON.stringify([
    ...prompt.map(({ content }) => content),
    '|',
    ...chosen.map(({ content }) => content),
    '|',
    ...rejected.map(({ content }) => content),
  ]);

/** The rows with their keys in another order, and with columns beside them. */
const dressed = (rows: readonly TableRow[], draw: Draw): TableRow[] => {
  const beside = draw.coin() ? draw.of(BESIDE) : {};
  const names = draw.shuffled([...new Set([...rows.flatMap(Object.keys), ...Object.keys(beside)])]);
  return rows.map((row) => {
    const all = { ...beside, ...row };
    return Object.fromEntries(names.filter((name) => name in all).map((name) => [name, (all as TableRow)[name]]));
  });
};

let read = 0;
let refused = 0;
const refusals = new Map<string, number>();

async function check(name: string, pairs: readonly Meant[], ties: readonly Meant[], seed: number): Promise<void> {
  const writer = PAIR_WRITERS[name] as PairWriter;
  const draw = seededDraw(seed);
  const meant = numbered(
    pairs.map((one) => fitting(writer, one)),
    0,
  );
  const even = numbered(
    ties.map((one) => fitting(writer, one)),
    meant.length,
  );
  const written: Written = writer.write(meant, even, draw);
  const containers = { ...ANY_SHAPE, ...(writer.flat ? FLAT : {}) };
  const container = draw.coin() ? 'lines.jsonl' : draw.of(Object.keys(containers));
  const content = containers[container]?.(dressed(written.rows, draw)) ?? '';
  const file = join(folder.path, container);
  writeFileSync(file, content);
  const trims = writer.trims === true;
  const wanted = new Set(meant.map((one) => meaning(one, trims)));
  const exchanged = new Set(meant.map((one) => meaning({ ...one, chosen: one.rejected, rejected: one.chosen }, trims)));
  try {
    const data = await readPreferenceData(file, written.options);
    for (const one of data.pairs) {
      const found = readMeaning(one);
      const what = exchanged.has(found) ? 'SIDES EXCHANGED' : 'another pair';
      if (!wanted.has(found))
        throw new Error(
          `${name} in ${container}, format ${data.format}: ${what}: ${found}\n${Buffer.from(content).toString('utf8').slice(0, 1500)}`,
        );
    }
    const missing = meant.length - new Set(data.pairs.map(readMeaning)).size;
    if (missing > data.counts.dropped)
      throw new Error(`${name} in ${container}: ${missing} pairs are gone, ${data.counts.dropped} rows dropped`);
    read += meant.length - missing;
    refused += missing;
    if (missing > 0)
      refusals.set(
        `${name}: ${data.dropped[0]?.reason}`,
        1 + (refusals.get(`${name}: ${data.dropped[0]?.reason}`) ?? 0),
      );
  } catch (error) {
    if (!(error instanceof MrpoError)) throw error;
    expect(error.code).toMatch(/^(data|config)$/);
    refused += meant.length;
    const key = `${name}: ${error.message.replaceAll(folder.path, '')}`;
    refusals.set(key, 1 + (refusals.get(key) ?? 0));
  } finally {
    rmSync(file, { force: true });
  }
}

it(
  `pairs are read as they were written, or refused (${CASES} cases)`,
  async () => {
    const names = fc.constantFrom(...Object.keys(PAIR_WRITERS));
    const pairs = fc.array(pair, { minLength: 1, maxLength: 4 });
    const ties = fc.array(pair, { maxLength: 2 });
    const bad = new Map<string, [number, string]>();
    await fc.assert(
      fc.asyncProperty(names, pairs, ties, fc.nat(2 ** 31), async (n, p, t2, sd) => {
        try {
          await check(n, p, t2, sd);
        } catch (e) {
          const m = (e as Error).message;
          const k =
            n +
            ' ' +
            (/(SIDES EXCHANGED|another pair|are gone)/.exec(m)?.[1] ?? m.slice(0, 80)) +
            ' ' +
            (/format ([\w-]+)/.exec(m)?.[1] ?? '');
          const o = bad.get(k);
          bad.set(k, [(o?.[0] ?? 0) + 1, o === undefined || m.length < o[1].length ? m : o[1]]);
        }
      }),
      { numRuns: CASES },
    );
    for (const [k, [c, m]] of bad) console.log(`### ${c} x ${k}\n${m.slice(0, 900)}`);
    if (process.env['MRPO_PROPERTY_CASES'] !== undefined)
      console.log(
        `${read} pairs read, ${refused} refused\n${[...refusals]
          .sort((a, b) => b[1] - a[1])
          .slice(0, 60)
          .map(([why, count]) => `${count} x ${why.slice(0, 260)}`)
          .join('\n')}`,
      );
    // A reader that refuses everything exchanges nothing.
    expect(read).toBeGreaterThan(0.8 * (read + refused));
  },
  30 * 60_000,
);
