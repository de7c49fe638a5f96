/** Every way a preference file was seen to be broken: each is one clear error, or counted drops with their lines. */
import { existsSync, mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';

import { readPreferenceData } from '../../src/data/index.js';
import { createTextCells } from '../../src/data/sources/parquet-text.js';
import { dataFolder, failureOf, goodLine, goodRow, lines } from './support.js';

const folder = dataFolder();
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const utf16 = (text: string, mark = true): Buffer => Buffer.from(`${mark ? '\ufeff' : ''}${text}`, 'utf16le');
const swapped = (bytes: Buffer): Buffer => Buffer.from(bytes).swap16();
const parquet = (columns: Readonly<Record<string, unknown[]>>): Buffer =>
  Buffer.from(parquetWriteBuffer({ columnData: Object.entries(columns).map(([name, data]) => ({ name, data })) }));
const goodParquet = parquet({ prompt: ['q1', 'q2'], chosen: ['a', 'b'], rejected: ['c', 'd'] });
const longGzip = gzipSync(lines(...Array.from({ length: 500 }, (_, i) => goodRow(i))));
const messages = (...contents: string[]) =>
  contents.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));

describe('files that cannot be read are one error', () => {
  // prettier-ignore
  const cases: readonly (readonly [what: string, name: string, content: string | Uint8Array, message: RegExp])[] = [
    ['an empty file', 'a.jsonl', '', /is empty; expected rows/],
    ['white space only', 'a.jsonl', ' \n\n\t\n', /holds white space only/],
    ['an empty list', 'a.json', '[]', /no row can be read/],
    ['an empty list with spaces', 'a.json', ' [ \n ] ', /no row can be read/],
    ['an empty gzip file', 'a.jsonl.gz', gzipSync(''), /is empty; expected rows/],
    ['UTF-16 without a mark', 'a.jsonl', utf16(lines(goodRow()), false), /is UTF-16LE text; expected UTF-8/],
    ['big-endian UTF-16 without a mark', 'a.jsonl', swapped(utf16(lines(goodRow()), false)), /is UTF-16BE text/],
    ['UTF-32', 'a.jsonl', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0, 0x7d, 0, 0, 0]), /is UTF-32LE text/],
    ['zero bytes', 'a.jsonl', Buffer.alloc(1000), /zero bytes at byte 1: it is binary data/],
    ['zero bytes after a row', 'a.jsonl', Buffer.concat([Buffer.from(lines(goodRow())), Buffer.alloc(10)]), /zero bytes at byte \d+/],
    ['truncated gzip', 'a.jsonl.gz', longGzip.subarray(0, longGzip.length - 200), /gzip data cannot be unpacked: unexpected end of file/],
    ['gzip cut inside its header', 'a.jsonl.gz', longGzip.subarray(0, 6), /gzip data cannot be unpacked/],
    ['damaged gzip', 'a.jsonl.gz', Buffer.concat([longGzip.subarray(0, 60), Buffer.alloc(40, 0x55), longGzip.subarray(100)]), /gzip data cannot be unpacked/],
    ['a .gz that is not gzip', 'a.jsonl.gz', lines(goodRow()), /ends in \.gz but its content is not gzip/],
    ['a zip archive', 'a.jsonl', Buffer.from('PK\x03\x04rest of it', 'latin1'), /zip archive cannot be unpacked/],
    ['damaged zstd', 'a.jsonl.zst', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]), /zstd data cannot be unpacked/],
    ['an Arrow file without anything', 'a.arrow', 'ARROW1\0\0', /damaged Arrow file, after row 0: the file is cut short/],
    ['one JSON object of no rows', 'a.json', JSON.stringify({ name: 'x', tags: ['y'] }, undefined, 2), /rows of no known format: they have name, tags/],
    ['an object with several lists', 'a.json', JSON.stringify({ pairs: [goodRow()], examples: [goodRow()] }), /several lists of rows; its lists: "pairs" \(1\), "examples" \(1\)/],
    ['an index of files', 'a.json', JSON.stringify({ mine: { file_name: 'x.json', ranking: true } }, undefined, 2), /an index of data files/],
    ['a JSON number', 'a.json', '42', /begins with "42"; expected JSON lines/],
    ['a JSON string', 'a.json', '"text"', /begins with .* expected JSON lines/],
    ['plain text', 'a.txt', 'Once upon a time', /begins with "Once upon a time"/],
    ['HTML', 'a.jsonl', '<!DOCTYPE html><html>', /begins with "<!DOCTYPE html>/],
    ['YAML', 'a.json', 'prompt: x\n', /begins with "prompt: x/],
    ['a list that does not end', 'a.json', `[${goodLine(1)},${goodLine(2)}`, /ends inside row 2/],
    ['a list cut inside a string', 'a.json', `[${goodLine(1)},{"prompt":"x`, /ends inside row 2/],
    ['a list cut after a comma', 'a.json', `[${goodLine(1)},`, /ends inside the list/],
    ['text after the list', 'a.json', `[${goodLine(1)}] extra`, /text after the end of the list, after row 1/],
    ['two lists', 'a.json', `[${goodLine(1)}][${goodLine(2)}]`, /text after the end of the list/],
    ['a comma too many', 'a.json', `[${goodLine(1)},,${goodLine(2)}]`, /an entry is missing after row 1/],
    ['a comma at the end', 'a.json', `[${goodLine(1)},]`, /an entry is missing after row 1/],
    ['a list of numbers', 'a.json', '[1, 2, 3]', /no row can be read; first: row 1: expected an object with fields, got number 1/],
    ['lists inside a list', 'a.json', '[[["x"]]]', /expected an object with fields, got a list of 1/],
    ['nothing but broken lines', 'a.jsonl', '{"a"\n{"b"\n', /no row can be read; first: line 1: not JSON/],
    ['rows of no known format', 'a.jsonl', lines({ id: 1, text: 'x' }), /rows of no known format: they have id, text/],
    ['rows without fields', 'a.jsonl', lines({}, {}), /rows of no known format: they have no fields/],
    ['no usable row', 'a.jsonl', lines({ ...goodRow(), chosen: '' }, { ...goodRow(), chosen: 3 }), /none of 2 rows can be used: 1 x .*first: line 1/],
    ['Parquet without its footer', 'a.parquet', goodParquet.subarray(0, goodParquet.length - 20), /damaged Parquet file: its footer cannot be read/],
    ['Parquet with damaged pages', 'a.parquet', Buffer.concat([goodParquet.subarray(0, 4), Buffer.alloc(30, 0xee), goodParquet.subarray(34)]), /damaged Parquet file: rows 1 to 2 cannot be read/],
    ['only the first bytes of Parquet', 'a.parquet', 'PAR1', /damaged Parquet file/],
    ['text named .parquet', 'a.parquet', lines(goodRow()), /ends in \.parquet but its content is not Parquet/],
    ['Parquet of another schema', 'a.parquet', parquet({ id: [1, 2], value: [0.5, 0.25] }), /rows of no known format: they have id, value/],
    ['Parquet without rows', 'a.parquet', parquet({ prompt: [], chosen: [], rejected: [] }), /no row can be read/],
    ['CSV of other columns', 'a.csv', 'id,text\n1,x\n', /rows of no known format: they have id, text/],
    ['CSV with a column twice', 'a.csv', 'prompt,chosen,chosen\n1,2,3\n', /the column "chosen" appears twice/],
    ['CSV without column names', 'a.csv', ',,\n1,2,3\n', /line 1 has no column names/],
    ['CSV with a header only', 'a.csv', 'prompt,chosen,rejected\n', /no row can be read/],
    ['Latin-1 CSV', 'a.csv', latin1('prompt,chosen,rejected\nq,caf\xe9,b\n'), /is not UTF-8 text, somewhere after line 1/],
    ['CSV cut inside a character', 'a.csv', Buffer.from('prompt,chosen,rejected\nq,a,b\nq2,a,bé').subarray(0, -1), /ends in the middle of a character, on line 3/],
    ['CSV named .jsonl', 'a.jsonl', 'prompt,chosen,rejected\n1,2,3\n', /begins with "prompt,chosen,/],
    ['Latin-1 in every row', 'a.jsonl', latin1('{"prompt":"\xe9","chosen":"a","rejected":"b"}\n'), /no row can be read; first: line 1: not UTF-8: byte 0xE9 at byte 12/],
  ];

  it.each(cases)('%s', async (_what, name, content, message) => {
    const file = folder.write(name, content);
    const error = await failureOf(readPreferenceData(file));
    expect(error.code).toBe('data');
    expect(error.message).toContain(file);
    expect(error.message).toMatch(message);
  });

  it('a folder, a missing file, a broken link, a file as a folder', async () => {
    mkdirSync(join(folder.path, 'folder.jsonl'));
    symlinkSync(join(folder.path, 'nowhere'), join(folder.path, 'link.jsonl'));
    const file = folder.write('x.jsonl', lines(goodRow()));
    expect((await failureOf(readPreferenceData(join(folder.path, 'folder.jsonl')))).message).toContain(
      'a folder without a data file',
    );
    expect((await failureOf(readPreferenceData(join(folder.path, 'absent.jsonl')))).message).toContain('no such file');
    expect((await failureOf(readPreferenceData(join(folder.path, 'link.jsonl')))).message).toContain('no such file');
    expect((await failureOf(readPreferenceData(join(file, 'inside.jsonl')))).message).toContain('no such file');
  });

  it.each([
    'hub:',
    'hub:a b',
    'hub:org/name:',
    'hub:org/name:config:train:more',
    'hub:org/name:train[:10%]',
    'hub:../../etc',
  ])('%s is no hub data set', async (source) => {
    expect((await failureOf(readPreferenceData(source))).message).toContain('expected hub:ORGANISATION/NAME');
  });

  it('a hub data set without a backend', async () => {
    expect((await failureOf(readPreferenceData('hub:org/name'))).message).toContain('read through the backend');
  });
});

describe('rows that cannot be used are dropped, with line and reason', () => {
  const conversation = {
    prompt: messages('hello'),
    chosen: [{ role: 'assistant', content: 'a' }],
    rejected: [{ role: 'assistant', content: 'b' }],
  };
  const sharegpt = {
    conversations: [{ from: 'human', value: 'q' }],
    chosen: { from: 'gpt', value: 'a' },
    rejected: { from: 'gpt', value: 'b' },
  };
  /** The second of three rows is bad; `good` makes the others. */
  // prettier-ignore
  const table: readonly (readonly [what: string, bad: string | object, reason: RegExp, good?: object])[] = [
    ['broken JSON', '{"prompt": "x", "chosen"', /^not JSON: /],
    ['a line of garbage', '%%%% garbage %%%%', /^not JSON: /],
    ['two objects on a line', `${goodLine(7)}${goodLine(8)}`, /^not JSON: /],
    ['single quotes', "{'prompt': 'a', 'chosen': 'b', 'rejected': 'c'}", /^not JSON: /],
    ['NaN in place of text', '{"prompt": NaN, "chosen": "b", "rejected": "c"}', /^prompt: expected text, got null$/],
    ['NaN beside an error', '{"score": NaN, "chosen": b}', /^not JSON: /],
    ['a raw control character', '{"prompt": "a\u0001b", "chosen": "b", "rejected": "c"}', /^not JSON: /],
    ['brackets without end', '['.repeat(50_000), /^not JSON: /],
    ['a list', '[1, 2]', /^expected an object with fields, got a list of 2$/],
    ['a number', '17', /^expected an object with fields, got number 17$/],
    ['null', 'null', /^expected an object with fields, got null$/],
    ['a missing field', { prompt: 'x', chosen: 'a' }, /^rejected: missing; expected text; the row has prompt, chosen$/],
    ['no fields', {}, /^prompt: missing; expected text; the row has no fields$/],
    ['null in place of text', { ...goodRow(), chosen: null }, /^chosen: expected text, got null$/],
    ['a number in place of text', { ...goodRow(), chosen: 3 }, /^chosen: expected text, got number 3$/],
    ['a list in place of text', { ...goodRow(), prompt: ['x'] }, /^prompt: expected text, got a list of 1$/],
    ['an object in place of text', { ...goodRow(), rejected: { words: 'x' } }, /^rejected: expected text, got an object \{words\}$/],
    ['an empty response', { ...goodRow(), rejected: '' }, /^rejected: empty response$/],
    ['a response of spaces', { ...goodRow(), chosen: ' \n\t ' }, /^chosen: empty response$/],
    ['an empty prompt', { ...goodRow(), prompt: '' }, /^prompt: empty$/],
    ['chosen = rejected', { ...goodRow(), rejected: goodRow().chosen }, /^chosen equals rejected$/],
    ['the same key twice', '{"prompt":"x","chosen":"a","rejected":"b","chosen":"c"}', /^the key "chosen" appears twice$/],
    ['the same key twice, spaced', '{ "prompt" : "x" , "prompt" : "y" , "chosen" : "a" , "rejected" : "b" }', /^the key "prompt" appears twice$/],
    ['a lone high surrogate', '{"prompt":"x","chosen":"a\\ud83d","rejected":"b"}', /^chosen: half of a surrogate pair \(U\+D83D\) at character 2/],
    ['a lone low surrogate', '{"prompt":"\\ude00","chosen":"a","rejected":"b"}', /^prompt: half of a surrogate pair \(U\+DE00\) at character 1/],
    ['half of a character in a role', '{"prompt":[{"role":"u\\ud800","content":"x"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}', /^prompt: role: half of a surrogate pair \(U\+D800\) at character 2/, conversation],
    ['images', { ...goodRow(), images: ['x.png'] }, /^images: only text can be used$/],
    ['a message without content', { ...conversation, prompt: [{ role: 'user' }] }, /^prompt\[0\]\.content: expected text, got nothing$/, conversation],
    ['a message with a null role', { ...conversation, prompt: [{ role: null, content: 'x' }] }, /^prompt\[0\]\.role: expected text, got null$/, conversation],
    ['a message that is text', { ...conversation, chosen: ['x'] }, /^chosen\[0\]: expected a message \{role, content\}, got text "x"$/, conversation],
    ['an image part', { ...conversation, prompt: [{ role: 'user', content: [{ type: 'image' }] }] }, /^prompt\[0\]\.content\[0\]: expected a text part, got text "image"$/, conversation],
    ['no messages', { ...conversation, chosen: [] }, /^chosen: empty response$/, conversation],
    ['an empty message', { ...conversation, rejected: [{ role: 'assistant', content: '' }] }, /^rejected: empty response$/, conversation],
    ['a response by the user', { ...conversation, chosen: [{ role: 'user', content: 'x' }] }, /^chosen: expected an assistant turn, got a turn of "user"$/, conversation],
    ['a prompt that ends with an answer', { ...conversation, prompt: messages('a', 'b') }, /^prompt: ends with an assistant turn/, conversation],
    ['an unknown speaker', { ...sharegpt, conversations: [{ from: 'alien', value: 'q' }] }, /^conversations\[0\]\.from: expected human \| .*, got text "alien"$/, sharegpt],
    ['a speaker without words', { ...sharegpt, chosen: { from: 'gpt', value: null } }, /^chosen\.value: expected text, got null$/, sharegpt],
    ['a conversation that is text', { ...sharegpt, conversations: 'q' }, /^conversations: expected a list of messages, got text "q"$/, sharegpt],
  ];
  const cases = table.map(([what, bad, reason, good]) => ({ what, bad, reason, good }));

  it.each(cases)('$what', async ({ bad, reason, good }) => {
    const [first, third] = good === undefined ? [goodRow(1), goodRow(3)] : [good, good];
    const data = await readPreferenceData(folder.write('rows.jsonl', lines(first, bad, third)));
    expect(data.pairs.map(({ line }) => line)).toEqual([1, 3]);
    expect(data.dropped).toEqual([{ line: 2, reason: expect.stringMatching(reason) }]);
    expect(data.counts).toEqual({ rows: 3, pairs: 2, dropped: 1 });
  });

  it.each(cases)('$what: an error with its line in strict reading', async ({ bad, reason, good }) => {
    const first = good ?? goodRow(1);
    const error = await failureOf(readPreferenceData(folder.write('rows.jsonl', lines(first, bad)), { strict: true }));
    expect(error.message).toContain('line 2: ');
    expect(error.message.split('line 2: ')[1]).toMatch(reason);
  });

  it('one bad entry of a JSON list does not take the others with it', async () => {
    const file = folder.write('list.json', `[\n${goodLine(1)},\n{"prompt": broken},\n"]}",\n${goodLine(2)}\n]`);
    const data = await readPreferenceData(file);
    expect(data.pairs.map(({ line }) => line)).toEqual([1, 4]);
    expect(data.dropped.map(({ line }) => line)).toEqual([2, 3]);
  });

  it('Latin-1 rows among UTF-8 rows are named by their byte', async () => {
    const file = folder.write(
      'mixed.jsonl',
      Buffer.concat([
        Buffer.from(lines({ ...goodRow(1), chosen: 'naïve 中文 😀' })),
        latin1(lines({ ...goodRow(2), chosen: 'na\xefve' })),
      ]),
    );
    const data = await readPreferenceData(file);
    expect(data.pairs[0]?.chosen[0]?.content).toBe('naïve 中文 😀');
    expect(data.dropped).toEqual([{ line: 2, reason: 'not UTF-8: byte 0xEF at byte 37' }]);
  });

  it('a truncated character at the end of the file', async () => {
    const bytes = Buffer.from(`${goodLine(1)}\n{"prompt":"é`);
    const data = await readPreferenceData(folder.write('cut.jsonl', bytes.subarray(0, bytes.length - 1)));
    expect(data.dropped).toEqual([{ line: 2, reason: expect.stringMatching(/^not UTF-8: byte 0xC3 at byte 12/) }]);
  });

  it('a single line of 10 MB is a row like any other', async () => {
    const long = { ...goodRow(2), chosen: 'x'.repeat(10_000_000) };
    const data = await readPreferenceData(folder.write('long.jsonl', lines(goodRow(1), long, goodRow(3))));
    expect(data.pairs.map(({ line }) => line)).toEqual([1, 2, 3]);
    expect(data.pairs[1]?.chosen[0]?.content).toHaveLength(10_000_000);
  });

  it.each(['long.jsonl', 'long.json'])('a row over the limit is dropped without being kept: %s', async (name) => {
    const rows = [goodLine(1), JSON.stringify({ ...goodRow(2), chosen: 'x'.repeat(5_000_000) }), goodLine(3)];
    const file = folder.write(name, name.endsWith('l') ? rows.join('\n') : `[${rows.join(',')}]`);
    const data = await readPreferenceData(file, { maxRowBytes: 2 ** 20 });
    expect(data.pairs.map(({ line }) => line)).toEqual([1, 3]);
    expect(data.dropped).toEqual([{ line: 2, reason: 'the row is longer than 1 MiB' }]);
  });

  it('CSV rows: too few cells, a stray quote, a quote that never closes, messages in other notations', async () => {
    const text = [
      'prompt,chosen,rejected',
      'q1,a,b',
      'q2,a',
      'q3,"a"x,b',
      'q4,"two\nlines",b',
      `"[{'role': 'user', 'content': array(['x'])}]",a,b`,
      '"[{""role"": ""user""",a,b',
      'q5,"say \\"hi\\"",b',
      'q6,"""say \\""hi\\""""",b',
      'q7,a,"never closed',
      'q8,a,b',
    ].join('\n');
    const data = await readPreferenceData(folder.write('rows.csv', text));
    expect(data.pairs.map(({ line, chosen }) => [line, chosen[0]?.content])).toEqual([
      [2, 'a'],
      [4, '"a"x'],
      [5, 'two\nlines'],
      [10, '"say \\"hi\\""'],
    ]);
    expect(data.dropped).toEqual([
      { line: 3, reason: 'not CSV: expected 3 columns, got 2' },
      { line: 7, reason: "prompt: a list of messages in Python's notation that cannot be read" },
      { line: 8, reason: expect.stringContaining('prompt: a list of messages that is not JSON') },
      { line: 9, reason: expect.stringContaining('not CSV: quotes in it are escaped by backslashes') },
      { line: 11, reason: 'not CSV: a quote that is opened here is never closed; all that follows it is lost' },
    ]);
  });

  it('a CSV cell of messages with a key twice', async () => {
    const cell = (text: string) => `"${text.replaceAll('"', '""')}"`;
    const rows = ['{"role":"user","content":"a"}', '{"role":"user","content":"a","content":"b"}'];
    const text = `prompt,chosen,rejected\n${rows.map((row) => `${cell(`[${row}]`)},c,d\n`).join('')}`;
    const data = await readPreferenceData(folder.write('twice.csv', text));
    expect(data.dropped).toEqual([{ line: 3, reason: 'prompt: the key "content" appears twice' }]);
  });

  it('a CSV row over the limit ends the reading: where it ends cannot be known', async () => {
    const file = folder.write('long.csv', `prompt,chosen,rejected\nq,a,b\n\nq2,"${'x'.repeat(5_000_000)}",b\nq3,a,b\n`);
    const error = await failureOf(readPreferenceData(file, { maxRowBytes: 2 ** 20 }));
    expect(error.message).toContain('line 4: the row is longer than 1 MiB');
  });

  it('Parquet cells without a value', async () => {
    const data = await readPreferenceData(
      folder.write('null.parquet', parquet({ prompt: ['q1', 'q2'], chosen: ['a', null], rejected: ['c', 'd'] })),
    );
    expect(data.dropped).toEqual([{ line: 2, reason: 'chosen: expected text, got null' }]);
  });

  describe('Parquet cells that are not UTF-8', () => {
    /** Three rows; the character é of the second, one byte in its place. */
    const latin1Parquet = (type: 'STRING' | 'BYTE_ARRAY', name: string): Buffer => {
      const columns = {
        prompt: ['q1', 'q2', 'q3'],
        chosen: ['a', 'a', 'a'],
        rejected: ['b', 'b', 'b'],
        [name]: ['x', 'caf#', 'naïve 中文 😀'],
      };
      const columnData = Object.entries(columns).map(([column, data]) => ({
        name: column,
        data,
        ...(column === name ? { type } : {}),
      }));
      const bytes = Buffer.from(parquetWriteBuffer({ columnData, codec: 'UNCOMPRESSED' }));
      for (let at = bytes.indexOf('caf#'); at >= 0; at = bytes.indexOf('caf#', at + 1)) bytes[at + 3] = 0xe9;
      return bytes;
    };
    const dropped = async (type: 'STRING' | 'BYTE_ARRAY', name: string) => {
      const data = await readPreferenceData(folder.write('bytes.parquet', latin1Parquet(type, name)));
      expect(data.pairs.at(-1)?.line).toBe(3);
      return data.dropped;
    };

    it('in a column of text cost their row, as a line of JSON does', async () => {
      const drop = [{ line: 2, reason: expect.stringContaining(': not UTF-8: byte 0xE9 at byte 4') }];
      expect(await dropped('STRING', 'chosen')).toEqual(drop);
      expect(await dropped('STRING', 'comment')).toEqual(drop);
    });

    it('in a column of bytes only where it is taken for text', async () => {
      expect(await dropped('BYTE_ARRAY', 'chosen')).toEqual([
        { line: 2, reason: 'chosen: expected text, got an object {not UTF-8: byte 0xE9 at byte 4}' },
      ]);
      expect(await dropped('BYTE_ARRAY', 'picture')).toEqual([]);
    });

    it('are found inside lists and objects, as are JSON cells that are none', () => {
      const { parsers, problemIn } = createTextCells();
      const [good, bad] = [parsers.stringFromBytes(Buffer.from('é')), parsers.stringFromBytes(latin1('\xe9'))];
      expect([good, problemIn([{ content: good }])]).toEqual(['é', undefined]);
      expect(problemIn([{ role: good }, { content: bad }])).toBe('not UTF-8: byte 0xE9 at byte 1');
      expect(parsers.jsonFromBytes(Buffer.from('{"a":1}'))).toEqual({ a: 1 });
      expect(problemIn(parsers.jsonFromBytes(Buffer.from('{"a":1,"a":2}')))).toBe('the key "a" appears twice');
      expect(problemIn(parsers.jsonFromBytes(Buffer.from('{')))).toMatch(/^not JSON: /);
    });
  });

  it('Parquet columns of another type', async () => {
    const error = await failureOf(
      readPreferenceData(folder.write('ints.parquet', parquet({ prompt: ['q'], chosen: [1], rejected: [2] }))),
    );
    expect(error.message).toContain('none of 1 rows can be used: 1 x chosen: expected text, got number 1');
  });
});

describe('what is odd but right is read', () => {
  // prettier-ignore
  it.each([
    ['a byte order mark', 'a.jsonl', `\ufeff${lines(goodRow(1), goodRow(2))}`, 2],
    ['a byte order mark before a list', 'a.json', `\ufeff[${goodLine(1)}]`, 1],
    ['a byte order mark before CSV', 'a.csv', '\ufeffprompt,chosen,rejected\r\nq,a,b\r\n', 1],
    ['CRLF line ends', 'a.jsonl', `${goodLine(1)}\r\n${goodLine(2)}\r\n`, 2],
    ['blank lines', 'a.jsonl', `\n\n${goodLine(1)}\n \t\n${goodLine(2)}`, 2],
    ['no newline at the end', 'a.jsonl', goodLine(1), 1],
    ['JSON lines named .json', 'a.json', lines(goodRow(1), goodRow(2)), 2],
    ['a list named .jsonl', 'a.jsonl', `[${goodLine(1)}]`, 1],
    ['no extension', 'data', lines(goodRow(1)), 1],
    ['gzip without .gz', 'a.jsonl', gzipSync(lines(goodRow(1))), 1],
    ['gzip in two members', 'a.jsonl.gz', Buffer.concat([gzipSync(lines(goodRow(1))), gzipSync(lines(goodRow(2)))]), 2],
    ['gzipped Parquet', 'a.parquet.gz', gzipSync(goodParquet), 2],
    ['gzipped CSV', 'a.csv.gz', gzipSync('prompt,chosen,rejected\nq,a,b\n'), 1],
    ['gzipped list', 'a.json.gz', gzipSync(`[${goodLine(1)}]`), 1],
    ['semicolons between columns', 'a.csv', 'prompt;chosen;rejected\n"a;b";c;d\n', 1],
    ['a list on many lines', 'a.json', JSON.stringify([goodRow(1), goodRow(2)], undefined, 4), 2],
    ['brackets inside strings', 'a.json', JSON.stringify([{ ...goodRow(1), chosen: 'a ] } [ { " \\ " ,' }]), 1],
    ['an escaped zero character', 'a.jsonl', lines({ ...goodRow(1), chosen: 'a\u0000b' }), 1],
    ['fields nobody asked for', 'a.jsonl', lines({ ...goodRow(1), meta: { deep: [[{}]] }, __proto__x: 1, constructor: 'x' }), 1],
    ['the name of a field inside a text', 'a.jsonl', lines({ ...goodRow(1), chosen: 'say "chosen": "x"', extra: { chosen: 1 } }), 1],
  ] as const)('%s', async (_what, name, content, pairs) => {
    const data = await readPreferenceData(folder.write(name, content));
    expect(data.counts).toMatchObject({ pairs, dropped: 0 });
  });

  it('a __proto__ key is data, not a prototype', async () => {
    const data = await readPreferenceData(
      folder.write('proto.jsonl', lines('{"prompt":"q","chosen":"a","rejected":"b","__proto__":{"chosen":"evil"}}')),
    );
    expect(data.pairs[0]?.chosen[0]?.content).toBe('a');
  });
});

it.runIf(existsSync('/proc/self/fd'))('a file that is refused is closed', async () => {
  const file = folder.write('open.jsonl', '{x\n'.repeat(1_000_000)); // more than is read at once
  expect((await failureOf(readPreferenceData(file))).message).toMatch(/no row can be read/);
  const targetOf = (fd: string): string =>
    existsSync(`/proc/self/fd/${fd}`) ? readlinkSync(`/proc/self/fd/${fd}`) : '';
  expect(readdirSync('/proc/self/fd').map(targetOf)).not.toContain(file);
});
