import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import {
  cacheFile,
  exportCache,
  importCache,
  openLogpCache,
  type LogpCache,
  type PairScore,
  type ScoringKey,
} from '../../src/references/cache/index.js';
import { temporaryCache, temporaryFolder } from './support.js';

const hex = (n: number): string => n.toString(16).padStart(64, '0');
const key = (n = 1, changes: Partial<ScoringKey> = {}): ScoringKey => ({
  weights: hex(n),
  tokenizer: hex(n + 100),
  chatTemplate: hex(n + 200),
  numericPath: 'cpu float32',
  maxLength: 512,
  truncation: 'keep_start',
  template: 'chat',
  ...changes,
});
const usable = (n: number, chosen = -n - 0.1, rejected = -2 * n - 0.3): PairScore => ({
  text: hex(n),
  chosen,
  rejected,
  promptTokens: n,
  chosenTokens: n + 1,
  rejectedTokens: n + 2,
  flags: n % 16,
  unusable: undefined,
});
const unusable = (n: number, reason: string): PairScore => ({
  ...usable(n),
  chosen: NaN,
  rejected: NaN,
  unusable: reason,
});

function openAt(path: string): LogpCache {
  const cache = openLogpCache({ path });
  onTestFinished(() => cache.close());
  return cache;
}

test('lies where the environment says, else in the cache folder of the user', () => {
  expect(cacheFile({ MRPO_CACHE_DIR: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a/logps.sqlite');
  expect(cacheFile({ MRPO_CACHE_DIR: '', XDG_CACHE_HOME: '/b' })).toBe('/b/mrpo/logps.sqlite');
  expect(cacheFile({})).toBe(join(homedir(), '.cache/mrpo/logps.sqlite'));
});

test('gives back every double bit for bit, in the order asked, however often the file is opened', () => {
  const path = join(temporaryFolder(), 'deep', 'logps.sqlite');
  const logp = fc.double({ min: -1e6, max: 0, noNaN: true });
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(fc.nat(5000), logp, logp), { selector: ([n]) => n, maxLength: 40 }),
      fc.nat(),
      (rows, seed) => {
        const own = key(seed);
        const writer = openLogpCache({ path });
        writer.write(
          own,
          'model',
          rows.map(([n, chosen, rejected]) => usable(n, chosen, rejected)),
        );
        writer.close();
        const reader = openLogpCache({ path });
        const reversed = [...rows].reverse();
        const columns = reader.read(
          own,
          reversed.map(([n]) => hex(n)),
        );
        reader.close();
        expect([...columns.chosen]).toEqual(reversed.map(([, chosen]) => chosen + 0));
        expect([...columns.rejected]).toEqual(reversed.map(([, , rejected]) => rejected + 0));
      },
    ),
    { numRuns: 25 },
  );
});

test('reads few of many by look-up and many by scan, with one result', () => {
  const cache = temporaryCache();
  const all = Array.from({ length: 200 }, (_, n) => (n % 7 === 0 ? unusable(n, 'too_long') : usable(n)));
  cache.write(key(), 'model', all);
  const few = ['3', '7', '999'].map((n) => hex(Number(n)));
  const [byLookUp, byScan] = [cache.read(key(), few), cache.read(key(), [...few, ...all.map(({ text }) => text)])];
  expect([...byLookUp.chosen]).toEqual([-3.1, NaN, NaN]);
  expect([...byScan.chosen.slice(0, 3)]).toEqual([-3.1, NaN, NaN]);
  expect(byLookUp.missing).toEqual([2]);
  expect(byLookUp.unusable).toEqual([undefined, 'too_long', undefined]);
  expect([byLookUp.promptTokens[0], byLookUp.chosenTokens[0], byLookUp.rejectedTokens[0], byLookUp.flags[0]]).toEqual([
    3, 4, 5, 3,
  ]);
});

test('keeps the first score of a pair, and counts only what is new', () => {
  const cache = temporaryCache();
  expect(cache.write(key(), 'model', [usable(1), usable(2)])).toBe(2);
  expect(cache.write(key(), 'model', [usable(2, -99), usable(3)])).toBe(1);
  expect([...cache.read(key(), [hex(2)]).chosen]).toEqual([-2.1]);
});

test.each([
  ['a positive log-prob', usable(2, 0.5)],
  ['a log-prob that is not a number', usable(2, NaN)],
  ['an infinite log-prob', usable(2, -Infinity)],
])('refuses %s, and keeps nothing of the write it came with', (_what, bad) => {
  const cache = temporaryCache();
  expect(() => cache.write(key(), 'model', [usable(1), bad, usable(3)])).toThrow(/log-prob cache :memory:/);
  expect(cache.read(key(), [1, 2, 3].map(hex)).missing).toEqual([0, 1, 2]);
});

test('refuses a file that is no database, or not its own, and leaves it as it is', () => {
  const folder = temporaryFolder();
  const text = join(folder, 'text');
  writeFileSync(text, 'not a database, by any means '.repeat(200));
  expect(() => openLogpCache({ path: text })).toThrow(
    expect.objectContaining({ code: 'environment', message: expect.stringContaining(text) }),
  );
  const foreign = join(folder, 'foreign.sqlite');
  const other = new Database(foreign);
  other.exec('CREATE TABLE letters (a TEXT)');
  other.close();
  const before = readFileSync(foreign);
  expect(() => openLogpCache({ path: foreign })).toThrow("another program's database");
  expect(readFileSync(foreign)).toEqual(before);
});

test('refuses a layout of the future', () => {
  const path = join(temporaryFolder(), 'logps.sqlite');
  openLogpCache({ path }).close();
  const database = new Database(path);
  database.exec('PRAGMA user_version = 99');
  database.close();
  expect(() => openLogpCache({ path })).toThrow('got layout 99, expected 1');
});

test('says which file it is about when the disk fails', () => {
  const blocker = join(temporaryFolder(), 'file');
  writeFileSync(blocker, '');
  expect(() => openLogpCache({ path: join(blocker, 'logps.sqlite') })).toThrow(
    expect.objectContaining({ code: 'environment', message: expect.stringContaining(blocker) }),
  );
});

test('a claim is exclusive, ends on release, and ends when its heart stops', () => {
  const path = join(temporaryFolder(), 'logps.sqlite');
  const patient = openAt(path);
  const first = patient.claim(key(), 'model');
  expect(first).toHaveProperty('claim');
  expect(openAt(path).claim(key(), 'model')).toMatchObject({ holder: { process: process.pid } });
  expect(patient.claim(key(2), 'another model')).toHaveProperty('claim');
  const hurried = openLogpCache({ path, timing: { leaseMs: -1 } });
  const second = hurried.claim(key(), 'model');
  expect(second).toHaveProperty('claim');
  const [lost, won] = [first, second].map((attempt) => ('claim' in attempt ? attempt.claim : undefined));
  expect([lost?.isHeld(), won?.isHeld()]).toEqual([false, true]);
  lost?.release();
  expect(won?.isHeld()).toBe(true);
  won?.release();
  expect(patient.claim(key(), 'model')).toHaveProperty('claim');
  hurried.close();
});

test('prunes by age and by model, shrinks the file, and leaves alone what is being scored', () => {
  const path = join(temporaryFolder(), 'logps.sqlite');
  const cache = openAt(path);
  for (const [n, label] of [
    [1, '/models/old'],
    [2, '/models/busy'],
    [3, 'org/kept'],
  ] as const) {
    cache.write(
      key(n),
      label,
      Array.from({ length: 3000 }, (_, i) => usable(i + 1)),
    );
  }
  cache.claim(key(2), '/models/busy');
  const before = cache.bytes();
  expect(cache.prune({ unusedForMs: 60_000 }).removed).toEqual([]);
  const { removed, busy } = cache.prune({ model: '/models/' });
  expect([removed.map(({ label }) => label), busy.map(({ label }) => label)]).toEqual([
    ['/models/old'],
    ['/models/busy'],
  ]);
  expect(cache.bytes()).toBeLessThan(before);
  expect(cache.entries().map(({ label, pairs }) => [label, pairs])).toEqual(
    [
      ['/models/busy', 3000],
      ['org/kept', 3000],
    ].sort(),
  );
  expect(cache.prune({ model: hex(3).slice(0, 64) }).removed.map(({ label }) => label)).toEqual(['org/kept']);
});

test('what was exported is imported bit for bit, once, and is known as coming from elsewhere', async () => {
  const folder = temporaryFolder();
  const [source, target] = [temporaryCache(), temporaryCache()];
  source.write(key(1), '/gpu/big', [
    usable(1, -1 / 3, -1e-12),
    unusable(2, 'too_long'),
    { ...usable(3), flags: 1 | 2 | 4 | 8 | 16 },
  ]);
  source.write(key(2, { numericPath: 'cuda bfloat16', truncation: 'paper', template: 'paper' }), 'org/small', [
    usable(1),
  ]);
  const spec = { source: '/gpu/big', quantization: 'nf4' as const };
  const identity = {
    weights: hex(1),
    tokenizer: hex(101),
    chatTemplate: hex(201),
    numericPath: 'cpu float32',
    revision: '',
  };
  source.remember({ spec, files: 'fingerprint', identity });
  const file = join(folder, 'scores.parquet');
  expect(await exportCache(source, file)).toMatchObject({ models: 2, pairs: 4, bytes: statSync(file).size });
  expect(readdirSync(folder)).toEqual(['scores.parquet']);

  expect(await importCache(target, file)).toEqual({ models: 2, added: 4, known: 0 });
  expect(await importCache(target, file)).toEqual({ models: 2, added: 0, known: 4 });
  for (const entry of source.entries()) expect(target.dump(entry)).toEqual(source.dump(entry));
  expect(target.entries().every(({ imported }) => imported)).toBe(true);
  expect(target.importedModels()).toEqual([{ spec, files: '', identity }]);
  expect(target.recall(spec, 'fingerprint')).toBeUndefined();
});

test('an export of nothing, or to a place that cannot be written, is an error and leaves no file', async () => {
  const folder = temporaryFolder();
  const cache = temporaryCache();
  await expect(exportCache(cache, join(folder, 'scores.parquet'))).rejects.toThrow('nothing to export');
  cache.write(key(), 'model', [usable(1)]);
  await expect(exportCache(cache, join(folder, 'missing', 'scores.parquet'))).rejects.toMatchObject({
    code: 'environment',
  });
  expect(readdirSync(folder)).toEqual([]);
});

test('an import that is damaged, foreign or wrong in one row adds nothing', async () => {
  const folder = temporaryFolder();
  const [source, target] = [temporaryCache(), temporaryCache()];
  source.write(
    key(),
    'model',
    Array.from({ length: 500 }, (_, n) => usable(n + 1)),
  );
  const file = join(folder, 'scores.parquet');
  await exportCache(source, file);
  const bytes = readFileSync(file);
  const damagedCopies: [string, Buffer][] = [
    ['cut', bytes.subarray(0, bytes.length - 40)],
    ['empty', Buffer.alloc(0)],
    ['text', Buffer.from('hello')],
    ['holed', Buffer.concat([bytes.subarray(0, 100), Buffer.alloc(400, 7), bytes.subarray(500)])],
  ];
  for (const [name, content] of damagedCopies) {
    const copy = join(folder, name);
    writeFileSync(copy, content);
    await expect(importCache(target, copy), name).rejects.toMatchObject({ code: 'data' });
  }
  const { parquetWriteFile } = await import('hyparquet-writer');
  const foreign = join(folder, 'foreign.parquet');
  parquetWriteFile({ filename: foreign, columnData: [{ name: 'a', data: [1] }] });
  await expect(importCache(target, foreign)).rejects.toThrow('not written by "mrpo cache export"');
  await expect(importCache(target, join(folder, 'missing.parquet'))).rejects.toMatchObject({ code: 'data' });
  expect(target.entries()).toEqual([]);
});

test('a copy of the file taken with its write-ahead log is a whole cache', () => {
  const folder = temporaryFolder();
  const path = join(folder, 'logps.sqlite');
  const cache = openAt(path);
  cache.write(
    key(),
    'model',
    Array.from({ length: 100 }, (_, n) => usable(n + 1)),
  );
  const copy = join(folder, 'copy.sqlite');
  copyFileSync(path, copy);
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`);
  expect(openAt(copy).count(key())).toBe(100);
});

const mayMount = process.platform === 'linux' && process.getuid?.() === 0 && tryMount();

function tryMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'mount-'));
  const works = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', folder]).status === 0;
  if (works) spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true, force: true });
  return works;
}

test.runIf(mayMount)('a full cache on a read-only disk is read; what needs writing says why it cannot', () => {
  const [folder, mounted] = [temporaryFolder(), temporaryFolder()];
  const written = join(temporaryFolder(), 'logps.sqlite');
  const writer = openLogpCache({ path: written });
  writer.write(key(), 'model', [usable(1)]);
  const raw = new Database(written);
  raw.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  raw.close();
  writer.close();
  copyFileSync(written, join(folder, 'a #1?.sqlite'));
  spawnSync('mount', ['--bind', folder, mounted]);
  onTestFinished(() => void spawnSync('umount', ['-l', mounted]));
  expect(spawnSync('mount', ['-o', 'remount,ro,bind', mounted]).status).toBe(0);
  const cache = openLogpCache({ path: join(mounted, 'a #1?.sqlite') });
  onTestFinished(() => cache.close());
  expect(cache.count(key())).toBe(1);
  cache.touch(key(), 'model');
  expect(() => cache.write(key(), 'model', [usable(2)])).toThrow(/readonly/);
});
