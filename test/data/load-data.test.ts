import { describe, expect, it } from 'vitest';

import { loadConfig } from '../../src/config/index.js';
import {
  dropReasons,
  loadData,
  pairPlace,
  readPairs,
  readPreferenceData,
  type PreferencePair,
} from '../../src/data/index.js';
import { dataFolder, failureOf, goodLine, goodRow, lines } from './support.js';

const folder = dataFolder();
const rows = (count: number, from = 1): object[] => Array.from({ length: count }, (_, i) => goodRow(from + i));
const dataConfig = (train: string, ...set: string[]) =>
  loadConfig({ object: { policy: { model: 'org/p' }, data: { train } }, set, env: {}, cwd: folder.path }).config.data;
const linesOf = (pairs: readonly PreferencePair[]): number[] => pairs.map(({ line }) => line);

describe('loadData', () => {
  it('reads, limits and splits as the configuration says, the same for the same seed', async () => {
    const file = folder.write('train.jsonl', lines(...rows(100)));
    const data = dataConfig(file, 'data.eval=10', 'data.limit=40');
    const [first, again, other] = await Promise.all([
      loadData(data, { seed: 3 }),
      loadData(data, { seed: 3 }),
      loadData(data, { seed: 4 }),
    ]);
    expect([first.train.length, first.eval.length]).toEqual([30, 10]);
    expect(again).toEqual(first);
    expect(linesOf(other.eval)).not.toEqual(linesOf(first.eval));
    expect(first.sources[0]?.counts).toEqual({ rows: 100, pairs: 100, dropped: 0 });
  });

  it('takes held-out pairs from a file of their own, and says which prompts are trained on too', async () => {
    const train = folder.write('train.jsonl', lines(...rows(20)));
    const held = folder.write('held.json', `[${goodLine(3)},${goodLine(50)}]`);
    const data = await loadData(dataConfig(train, `data.eval=${held}`), { seed: 0 });
    expect([data.train.length, data.eval.length, data.sources.length]).toEqual([20, 2, 2]);
    expect(data.notes).toEqual([`1 of 2 pairs of ${held} have a prompt that is also trained on`]);
  });

  it('says when a share holds out nothing', async () => {
    const data = await loadData(dataConfig(folder.write('few.jsonl', lines(...rows(2))), 'data.eval=0.0001'), {
      seed: 0,
    });
    expect(data.notes[0]).toContain('holds out none');
    expect(
      (await loadData(dataConfig(folder.write('few.jsonl', lines(...rows(2))), 'data.eval=0'), { seed: 0 })).notes,
    ).toEqual([]);
  });

  it('follows format, columns, pairing, score and strict', async () => {
    const table = folder.write('table.csv', 'q,good,bad\nq,a,b\n');
    const mapped = await loadData(
      dataConfig(table, 'data.eval=0', 'data.columns={prompt: q, chosen: good, rejected: bad}', 'data.format=question'),
      { seed: 0 },
    );
    expect(mapped.train[0]).toMatchObject({ plain: false, prompt: [{ role: 'user', content: 'q' }] });
    const scored = folder.write(
      'scored.jsonl',
      lines({ instruction: 'i', completions: [3, 1, 2].map((honesty) => ({ response: `r${honesty}`, honesty })) }),
    );
    const all = await loadData(dataConfig(scored, 'data.eval=0', 'data.pairing=all', 'data.score=honesty'), {
      seed: 0,
    });
    expect(all.train).toHaveLength(3);
    const broken = folder.write('broken.jsonl', lines(goodRow(), {}));
    expect((await loadData(dataConfig(broken, 'data.eval=0'), { seed: 0 })).sources[0]?.dropped).toHaveLength(1);
    expect((await failureOf(loadData(dataConfig(broken, 'data.strict=true'), { seed: 0 }))).message).toContain(
      'line 2: prompt: missing',
    );
  });

  it('reads hub data sets through the reader it is given', async () => {
    const asked: unknown[] = [];
    const hub = async function* (dataset: string, options: object) {
      asked.push([dataset, options]);
      yield goodLine(1);
      yield '{broken';
      yield goodLine(2);
    };
    const data = await loadData(dataConfig('hub:org/set:test', 'data.eval=0'), { seed: 0, hub });
    const beside = 'data.train={path: "hub:org/set", config: small, split: test, revision: v2}';
    await loadData(dataConfig('', beside, 'data.eval=0'), { seed: 0, hub });
    await loadData(dataConfig('hub:org/set:small:test', 'data.eval=0'), { seed: 0, hub });
    expect(asked).toEqual([
      ['org/set', { split: 'test' }],
      ['org/set', { configuration: 'small', split: 'test', revision: 'v2' }],
      ['org/set', { configuration: 'small', split: 'test' }],
    ]);
    const twice = dataConfig('', 'data.train={path: "hub:org/set:test", split: train}');
    expect((await failureOf(loadData(twice, { seed: 0, hub }))).message).toContain(
      'split is test by its name and train',
    );
    expect(linesOf(data.train)).toEqual([1, 3]);
    expect(data.sources[0]).toMatchObject({
      kind: 'hub data set, split test',
      format: 'trl-standard',
      dropped: [{ line: 2 }],
    });
  });

  it('reads a list of files, each with settings of its own, and names the file of a pair', async () => {
    const one = folder.write('one.jsonl', lines(...rows(3)));
    const two = folder.write('two.csv', 'q,good,bad\nq,a,b\n');
    const list = { path: two, columns: { prompt: 'q', chosen: 'good', rejected: 'bad' }, format: 'question' };
    const data = await loadData(dataConfig('', `data.train=${JSON.stringify([one, list])}`, 'data.eval=0'), {
      seed: 0,
    });
    expect(data.train.map(({ plain }) => plain)).toEqual([true, true, true, false]);
    expect(data.train.map(pairPlace).slice(2)).toEqual([`${one} line 3`, `${two} line 2`]);
    expect(data.sources.map(({ source, format }) => [source, format])).toEqual([
      [one, 'trl-standard'],
      [two, 'question'],
    ]);
  });

  it('says what files of a list have in common', async () => {
    const [a, b] = [goodRow(1), goodRow(2)];
    const reversed = { ...b, chosen: b.rejected, rejected: b.chosen };
    const files = [lines(a, b), lines(reversed, a), lines(goodRow(3))].map((text) => folder.write('x.jsonl', text));
    const data = await loadData(dataConfig('', `data.train=${JSON.stringify(files)}`, 'data.eval=0'), { seed: 0 });
    expect(data.notes).toEqual([
      `${files[1]}: 1 of its 2 pairs are in an earlier file too; they are kept`,
      `${files[1]}: 1 of its 2 pairs contradict pairs of an earlier file; they are kept`,
    ]);
  });

  it('weighs files: exact counts, seeded, and the held-out pairs stay as they are', async () => {
    const [small, large] = [rows(20), rows(101, 1000)].map((part) => folder.write('w.jsonl', lines(...part)));
    const load = (weight: number, seed = 1) =>
      loadData(dataConfig('', `data.train=${JSON.stringify([{ path: small, weight }, large])}`, 'data.eval=0.2'), {
        seed,
      });
    const plain = await load(1);
    const count = ({ train }: { train: readonly PreferencePair[] }, file: string | undefined) =>
      train.filter(({ origin }) => origin?.name === file).length;
    const [ofSmall, ofLarge] = [count(plain, small), count(plain, large)];
    for (const weight of [0.5, 0.26, 2, 2.5, 7]) {
      const weighted = await load(weight);
      expect(count(weighted, small)).toBe(Math.round(weight * ofSmall));
      expect(count(weighted, large)).toBe(ofLarge);
      expect(weighted.eval.map(({ id }) => id)).toEqual(plain.eval.map(({ id }) => id));
      expect((await load(weight)).train.map(({ id }) => id)).toEqual(weighted.train.map(({ id }) => id));
      expect(weighted.notes[0]).toBe(
        `${small}: weight ${weight}: an epoch has ${Math.round(weight * ofSmall)} pairs of its ${ofSmall} for training`,
      );
    }
    const times = new Map<string, number>();
    for (const { id, origin } of (await load(2.5)).train)
      if (origin?.name === small) times.set(id, (times.get(id) ?? 0) + 1);
    expect(new Set(times.values())).toEqual(new Set([2, 3]));
    expect((await load(0.5, 2)).train.map(({ id }) => id)).not.toEqual((await load(0.5, 3)).train.map(({ id }) => id));
  });

  it('a list of held-out files has no weights', () => {
    const config = () => dataConfig('a.jsonl', 'data.eval=[{path: b.jsonl, weight: 2}]');
    expect(config).toThrow('unknown key "weight"');
  });

  it('stops when it is told to', async () => {
    const file = folder.write('train.jsonl', lines(...rows(10)));
    expect(await failureOf(loadData(dataConfig(file), { seed: 0, signal: AbortSignal.abort() }))).toMatchObject({
      code: 'aborted',
    });
  });
});

describe('readPreferenceData', () => {
  it('counts pairs that are there twice and pairs that contradict each other, and keeps them', async () => {
    const row = goodRow(1);
    const reversed = { ...row, chosen: row.rejected, rejected: row.chosen };
    const data = await readPreferenceData(
      folder.write('rows.jsonl', lines(row, goodRow(2), row, reversed, reversed, row)),
    );
    expect(data).toMatchObject({ duplicates: 3, contradictions: 1, counts: { rows: 6, pairs: 6, dropped: 0 } });
    expect(new Set(data.pairs.map(({ id }) => id)).size).toBe(3);
    expect(new Set(data.pairs.map(({ promptId }) => promptId)).size).toBe(2);
  });

  it('groups reasons that differ only in what they quote', () => {
    const dropped = [
      'expected text, got number 3',
      'expected text, got number 12',
      'x: got text "a\\"b"',
      'x: got text "c"',
      'other',
    ].map((reason, i) => ({ line: i + 1, reason }));
    expect(dropReasons(dropped)).toEqual([
      { reason: 'expected text, got number 3', count: 2, firstLine: 1 },
      { reason: 'x: got text "a\\"b"', count: 2, firstLine: 3 },
      { reason: 'other', count: 1, firstLine: 5 },
    ]);
  });
});

describe('readPairs', () => {
  it('gives pairs while the file is still being read', async () => {
    const file = folder.write('large.jsonl', lines(...rows(60_000)));
    const stream = await readPairs(file);
    const sizes: number[] = [];
    for await (const batch of stream.batches) {
      sizes.push(batch.pairs.length);
      if (sizes.length === 2) break;
    }
    expect(stream.format).toBe('trl-standard');
    expect(Math.max(...sizes)).toBeLessThan(30_000);
  });
});
