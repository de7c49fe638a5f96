/** One table in every container: the same pairs come out. And what several files, splits, sheets and limits mean. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { tableFromArrays, tableToIPC } from '@uwdata/flechette';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';

import { pairPlace, readPreferenceData, type PreferencePair } from '../../src/data/index.js';
import { classLabels } from '../../src/data/sources/class-labels.js';
import { parsePythonLiteral } from '../../src/data/sources/python-literal.js';
import { dataFolder, failureOf, goodLine, goodRow, lines } from './support.js';
import { ANY_SHAPE, csvOf, FLAT, pythonText, workbookOf, zipOf, type TableRow } from './writers.js';

const folder = dataFolder();
const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const read = (name: string, content: string | Uint8Array, options = {}) =>
  readPreferenceData(folder.write(name, content), options);
const texts = (pairs: readonly PreferencePair[]): unknown[] =>
  pairs.map(({ prompt, chosen, rejected }) =>
    [prompt, chosen, rejected].map((part) => part.map(({ content }) => content)),
  );

const plainRows: readonly TableRow[] = [
  { prompt: 'Question 1?', chosen: 'Line one,\nline "two"; é中😀\ttab', rejected: 'b', score: 0.5 },
  { prompt: ' <a> & b ', chosen: '[1, 2]', rejected: '{"a": NaN}', score: null },
  { prompt: 'q3', chosen: "it's", rejected: '\\n', score: 2 },
];
const message = (role: string, content: string) => ({ role, content });
const chatRows: readonly TableRow[] = plainRows.map(({ prompt, chosen, rejected }) => ({
  chosen: [message('user', String(prompt)), message('assistant', String(chosen))],
  rejected: [message('user', String(prompt)), message('assistant', String(rejected))],
}));

describe('one table', () => {
  it.each([...Object.entries(ANY_SHAPE), ...Object.entries(FLAT)])('%s', async (name, write) => {
    const wanted = plainRows.map(({ prompt, chosen, rejected }) => [[prompt], [chosen], [rejected]]);
    const plain = await read(name, write(plainRows));
    expect(texts(plain.pairs)).toEqual(wanted);
    expect(plain.format).toBe('trl-standard');
    const chat = await read(name, write(chatRows));
    expect(texts(chat.pairs)).toEqual(wanted);
    expect(chat.pairs[0]?.chosen[0]?.role).toBe('assistant');
  });

  it.each(['arrow', 'parquet'])(
    'class labels of datasets go by their names, not by their numbers: %s',
    async (kind) => {
      const label = { names: ['chosen', 'rejected'], _type: 'ClassLabel' };
      const columns = { prompt: ['q', 'q'], completion: ['good', 'bad'], label: [0, 1] };
      const metadata = JSON.stringify({ info: { features: { prompt: { dtype: 'string', _type: 'Value' }, label } } });
      const table = tableFromArrays(columns);
      table.schema.metadata = new Map([['huggingface', metadata]]);
      const bytes =
        kind === 'arrow'
          ? tableToIPC(table, {})
          : new Uint8Array(
              parquetWriteBuffer({
                columnData: Object.entries(columns).map(([name, data]) => ({ name, data })),
                kvMetadata: [{ key: 'huggingface', value: metadata }],
              }),
            );
      const { pairs } = await readPreferenceData(folder.write(`labels.${kind}`, bytes as Uint8Array));
      expect(pairs.map(({ chosen, rejected }) => [chosen[0]?.content, rejected[0]?.content])).toEqual([
        ['good', 'bad'],
      ]);
    },
  );

  it('class labels that nobody gave are null, alone, in a list and in a struct', () => {
    const label = { names: ['chosen', 'rejected'], _type: 'ClassLabel' };
    const features = { label, votes: { feature: label, _type: 'Sequence' }, each: [{ label }] };
    const row = { label: -1, votes: [-1, 0n, 1], each: [{ label: -1 }, { label: 1 }] };
    expect(classLabels(JSON.stringify({ info: { features } }))?.(row)).toEqual({
      label: null,
      votes: [null, 'chosen', 'rejected'],
      each: [{ label: null }, { label: 'rejected' }],
    });
  });

  it.each(['lz4.feather', 'zstd.feather', 'rows.jsonl.zst'])('%s, as pyarrow or zstandard writes it', async (name) => {
    const { pairs, kind } = await readPreferenceData(fixture(name));
    expect(kind).toBe(name.endsWith('.zst') ? 'JSON lines, zstd-compressed' : 'Arrow');
    expect(pairs.map(({ prompt }) => prompt[0]?.content)).toEqual([1, 2, 3].map((i) => `Question ${i}? é中😀`));
    // The second is long enough for LZ4 blocks that refer to earlier ones.
    expect(pairs[1]?.chosen[0]?.content).toBe(`Good answer 2 ${'again and again '.repeat(6000)}`);
  });

  it('an Arrow stream of several batches, with nested messages and a dictionary', async () => {
    const { pairs } = await readPreferenceData(fixture('stream.arrow'));
    expect(pairs.map(({ prompt, chosen, line }) => [prompt[0], chosen[0]?.content, line])).toEqual(
      [1, 2, 3].map((i) => [message('user', `q${i}`), `a${i}`, i]),
    );
  });

  it('a workbook: the sheet that is named, texts as they stand, row numbers of the spreadsheet', async () => {
    const { pairs, dropped } = await readPreferenceData(fixture('two-sheets.xlsx'), { split: 'Pairs' });
    expect(texts(pairs)).toEqual([
      [[' What is 6 x 7? '], ['42'], ['Line one\nline two & <b>']],
      [['q2'], ['a é中😀'], ['b']],
    ]);
    expect(pairs.map(({ line }) => line)).toEqual([2, 4]);
    expect(dropped).toEqual([]);
    const error = await failureOf(readPreferenceData(fixture('two-sheets.xlsx')));
    expect(error.message).toContain(
      '2 sheets with rows; its sheets: "Pairs" (4 rows), "Notes" (1 rows), "Empty" (0 rows)',
    );
  });

  it('a date in a workbook is not taken for text', async () => {
    const rows = await readPreferenceData(fixture('two-sheets.xlsx'), {
      split: 'Pairs',
      columns: { prompt: 'prompt', chosen: 'when', rejected: 'rejected' },
    }).catch((error: unknown) => error);
    expect(String(rows)).toContain('when: expected text, got a date');
  });
});

describe('JSON that Python writes', () => {
  it('NaN and Infinity are null, and nobody is harmed where they are not used', async () => {
    const rows = [1, 2].map((i) => goodLine(i).replace('{', '{"score":NaN,"x":[-Infinity,{"y":Infinity}],'));
    expect((await read('nan.jsonl', rows.join('\n'))).counts).toEqual({ rows: 2, pairs: 2, dropped: 0 });
    const inside = goodLine(1).replace('Question', 'NaN, Infinity').replace('{', '{"a":NaN,');
    expect((await read('nan.jsonl', inside)).pairs[0]?.prompt[0]?.content).toBe('NaN, Infinity 1?');
  });

  it.each([
    [`[{'role': 'user', 'content': "it's"}]`, [message('user', "it's")]],
    [
      `{'a': [1, -2.5, 1e3, None, True, False], "b": 'x\\n\\'\\x41\\u00e9\\U0001f600'}`,
      { a: [1, -2.5, 1000, null, true, false], b: "x\n'Aé😀" },
    ],
    ['[]', []],
    ["[{'a': 1},]", [{ a: 1 }]],
    ["[{'a': array([1])}]", undefined],
    ["[{'a': 1} {'a': 2}]", undefined],
    ["{'a': 1, 'a': 2}", undefined],
    ["{'a': 'x}", undefined],
    ["{'a': 'x\\q'}", undefined],
    ["{1: 'x'}", undefined],
    ["['a'] x", undefined],
    ['['.repeat(5000) + ']'.repeat(5000), undefined],
  ])('%s', (text, value) => {
    expect(parsePythonLiteral(text)).toEqual(value);
    if (value !== undefined) expect(parsePythonLiteral(pythonText(value))).toEqual(value);
  });
});

describe('texts that are JSON written once more', () => {
  const encoded = (role: string, content: string) => JSON.stringify([message(role, content)]);

  it('a text answer that only looks like JSON stays as it is', async () => {
    const answers = ['[{"a": 1}]', '{"role": "x"}', '["a", "b"]', '[{"role": "user"', '{"content": "x"}'];
    for (const chosen of answers) {
      const { pairs } = await read('x.jsonl', lines({ ...goodRow(1), chosen })).catch(() => ({ pairs: [] }));
      if (pairs.length > 0) expect(pairs[0]?.chosen[0]?.content).toBe(chosen);
    }
  });

  it('is never trained on as text, in one row among others either', async () => {
    const data = await read('x.jsonl', lines(goodRow(1), { ...goodRow(2), chosen: encoded('assistant', 'a') }));
    expect(data.pairs.map(({ chosen }) => chosen[0]?.content)).toEqual(['Good answer 1', 'a']);
  });

  it('messages in a list of texts, and single messages', async () => {
    const row = {
      prompt: encoded('user', 'q'),
      chosen: JSON.stringify(message('assistant', 'a')),
      rejected: JSON.stringify(message('assistant', 'b')),
    };
    expect(texts((await read('x.csv', csvOf([row]))).pairs)).toEqual([[['q'], ['a'], ['b']]]);
  });
});

describe('several files', () => {
  const files = (content: Readonly<Record<string, string | Uint8Array>>): string => {
    const path = join(folder.path, `many-${Math.random().toString(36).slice(2)}`);
    for (const [name, text] of Object.entries(content)) {
      mkdirSync(join(path, name, '..'), { recursive: true });
      writeFileSync(join(path, name), text);
    }
    return path;
  };
  const parquet = (i: number) =>
    new Uint8Array(
      parquetWriteBuffer({ columnData: Object.entries(goodRow(i)).map(([name, value]) => ({ name, data: [value] })) }),
    );

  it('a folder of shards, in order, each row with its file; what is not data is passed over', async () => {
    const path = files({
      'b.jsonl': lines(goodRow(3), '{broken', goodRow(4)),
      'a/one.jsonl': lines(goodRow(1), goodRow(2)),
      'README.md': '# about',
      'dataset_info.json': '{}',
      '.hidden.jsonl': 'x',
    });
    const data = await readPreferenceData(path);
    expect(data.pairs.map(pairPlace)).toEqual([
      `${path}/a/one.jsonl line 1`,
      `${path}/a/one.jsonl line 2`,
      `${path}/b.jsonl line 1`,
      `${path}/b.jsonl line 3`,
    ]);
    expect(data.dropped).toEqual([{ file: `${path}/b.jsonl`, line: 2, reason: expect.stringContaining('not JSON') }]);
    expect(data.kind).toBe('2 files, JSON lines');
  });

  it('a pattern, and a file whose name only looks like one', async () => {
    const path = files({
      'x-1.jsonl': lines(goodRow(1)),
      'x-2.jsonl': lines(goodRow(2)),
      'y[1].jsonl': lines(goodRow(3)),
    });
    expect((await readPreferenceData(join(path, 'x-*.jsonl'))).counts.pairs).toBe(2);
    expect((await readPreferenceData(join(path, '{x-1,x-2}.jsonl'))).counts.pairs).toBe(2);
    expect((await readPreferenceData(join(path, 'y[1].jsonl'))).counts.pairs).toBe(1);
    expect((await failureOf(readPreferenceData(join(path, 'z*.jsonl')))).message).toContain('no file has such a name');
  });

  it('a split is never mixed into another', async () => {
    const path = files({
      'data/train-00000-of-00002.parquet': parquet(1),
      'data/train-00001-of-00002.parquet': parquet(2),
      'data/test-00000-of-00001.parquet': parquet(3),
    });
    const data = await readPreferenceData(path);
    expect(texts(data.pairs).flat(2)).toContain('Question 2?');
    expect(data.counts.pairs).toBe(2);
    expect(data.notes[0]).toBe('files of the split train are read; there are test (1), train (2)');
    expect((await readPreferenceData(path, { split: 'test' })).counts.pairs).toBe(1);
    expect((await failureOf(readPreferenceData(path, { split: 'dev' }))).message).toContain(
      'it has test (1), train (2)',
    );
    const named = files({
      'train_prefs-00000-of-00001.parquet': parquet(1),
      'train_sft-00000-of-00001.parquet': parquet(2),
    });
    expect((await failureOf(readPreferenceData(named))).message).toContain('it has train_prefs (1), train_sft (1)');
    expect((await readPreferenceData(named, { split: 'train_prefs' })).counts.pairs).toBe(1);
  });

  it('files of several kinds are refused: one table would be read twice', async () => {
    const path = files({ 'a.jsonl': lines(goodRow(1)), 'a.parquet': parquet(1) });
    const error = await failureOf(readPreferenceData(path));
    expect(error.message).toContain('files of several kinds: 1 x .jsonl, 1 x .parquet');
    expect((await readPreferenceData(join(path, '*.parquet'))).counts.pairs).toBe(1);
  });

  it('an empty folder, and a zip archive with two tables', async () => {
    expect((await failureOf(readPreferenceData(files({ 'a.txt': 'x' })))).message).toContain('without a data file');
    const zip = folder.write('two.zip', zipOf({ 'a.jsonl': goodLine(1), 'b.jsonl': goodLine(2) }));
    expect((await failureOf(readPreferenceData(zip))).message).toContain(
      '2 tables in it: a.jsonl, b.jsonl; expected one',
    );
    const none = folder.write('none.zip', zipOf({ 'a.png': 'x' }));
    expect((await failureOf(readPreferenceData(none))).message).toContain('no table in it: a.png');
  });

  it('lists of rows under several keys: train is read, or the one that is named', async () => {
    const text = JSON.stringify({ test: [goodRow(1)], train: [goodRow(2), goodRow(3)], info: { a: [1] } });
    expect((await read('x.json', text)).counts.pairs).toBe(2);
    expect((await read('x.json', text, { split: 'test' })).counts.pairs).toBe(1);
    expect((await failureOf(read('x.json', text, { split: 'dev' }))).message).toContain('"test" (1), "train" (2)');
    const other = JSON.stringify({ mine: [goodRow(1)], yours: [goodRow(2)] });
    expect((await read('x.json', other, { split: 'yours' })).pairs[0]?.prompt[0]?.content).toBe('Question 2?');
  });
});

describe('what unpacks to too much is refused', () => {
  const limit = { maxUnpackedBytes: 1_000_000 };
  const long = lines({ ...goodRow(1), chosen: 'x'.repeat(2_000_000) });
  const expectRefusal = async (name: string, content: Uint8Array) => {
    const error = await failureOf(read(name, content, limit));
    expect(error.message).toMatch(/unpacks to (2[\d.]* GB|0\.00\d+ GB, more than 0\.001 GB|more than 0\.001 GB)/);
    expect(error.hint).toContain('data.max_unpacked_gb');
    await read(name, content).catch((other: unknown) => expect(String(other)).not.toContain('unpacks to'));
  };

  it('text, in each packing', async () => {
    await expectRefusal('a.jsonl.gz', gzipSync(long));
    await expectRefusal('a.zip', zipOf({ 'a.jsonl': long }));
    await expectRefusal('a.xlsx', workbookOf({ a: [['prompt'], ['x'.repeat(2_000_000)]] }));
    expect(
      (await failureOf(read('a.jsonl.zst', readFileSync(fixture('rows.jsonl.zst')), { maxUnpackedBytes: 50_000 })))
        .message,
    ).toContain('unpacks to more than');
  });

  it('Parquet: what its footer claims, and gzip around it', async () => {
    const columnData = Object.entries(goodRow(1)).map(([name, value]) => ({
      name,
      data: Array.from({ length: 50_000 }, () => value),
    }));
    const bytes = new Uint8Array(parquetWriteBuffer({ columnData }));
    // One text 150,000 times takes nothing in the file; its cells are counted.
    expect(bytes.length).toBeLessThan(100_000);
    await expectRefusal('a.parquet', bytes);
    const plain = new Uint8Array(
      parquetWriteBuffer({
        columnData: Object.entries(goodRow(1)).map(([name]) => ({
          name,
          data: Array.from({ length: 2000 }, (_, i) => `${name} ${i} `.repeat(100)),
        })),
        codec: 'UNCOMPRESSED',
      }),
    );
    await expectRefusal('a.parquet.gz', gzipSync(plain));
  });

  it('Arrow: what its buffers claim', async () => {
    const error = await failureOf(readPreferenceData(fixture('lz4.feather'), { maxUnpackedBytes: 50_000 }));
    expect(error.message).toContain('a batch unpacks to more than 0.00005 GB');
  });
});

describe('a mark that answers stand the other way round', () => {
  it('stops the reading until the user says what it is', async () => {
    const rows = (swapped: unknown) => lines({ ...goodRow(1), swapped: false }, { ...goodRow(2), swapped });
    expect((await read('x.jsonl', rows(false))).counts.pairs).toBe(2);
    expect((await failureOf(read('x.jsonl', rows(true)))).message).toContain('swapped (in 1 of the first 2 rows)');
    expect((await read('x.jsonl', rows(true), { ignore: ['swapped'] })).counts.pairs).toBe(2);
  });
});
