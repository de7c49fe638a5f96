/** score, references, whatif and cache on the command line, over gRPC to an in-memory backend. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { serveBackend } from '../backend/support/serve-backend.js';
import { runMrpo, type CliResult } from '../support/run-mrpo.js';
import { samplePairs } from './sample-pairs.js';
import { temporaryFolder } from './support.js';

const PAIRS = 40;

let folder: string;
let address: string;

beforeEach(async () => {
  folder = temporaryFolder();
  writePairs(PAIRS);
  writeFileSync(
    join(folder, 'run.yaml'),
    stringify({
      policy: { model: 'toy:policy' },
      references: [
        { model: 'policy', name: 'self' },
        { model: 'toy:second', name: 'second' },
        { model: 'toy:third', name: 'third' },
      ],
      data: { train: 'pairs.jsonl' },
    }),
  );
  const served = await serveBackend(createMemoryBackend());
  onTestFinished(() => served.kill());
  address = served.address;
});

function writePairs(count: number): void {
  const rows = samplePairs(count).map(({ prompt, chosen, rejected }) => JSON.stringify({ prompt, chosen, rejected }));
  writeFileSync(join(folder, 'pairs.jsonl'), rows.join('\n'));
}

const mrpo = (...argv: string[]): Promise<CliResult> =>
  runMrpo(argv, { cwd: folder, env: { MRPO_BACKEND: address, MRPO_CACHE_DIR: join(folder, 'cache') } });

/** The same on another machine: no backend, a cache of its own. */
const laptop = (...argv: string[]): Promise<CliResult> =>
  runMrpo(argv, {
    cwd: folder,
    env: { MRPO_BACKEND: 'unix:/no/such/socket', MRPO_CACHE_DIR: join(folder, 'laptop-cache') },
  });

async function json<T>(...argv: string[]): Promise<T> {
  const { code, stdout, stderr } = await mrpo(...argv, '--json');
  expect(code, stderr).toBe(0);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout) as T;
}

interface Scored {
  readonly scored: number;
  readonly cached: number;
  readonly references: readonly { readonly name: string; readonly scored: number; readonly cached: number }[];
}

describe('mrpo score', () => {
  it('scores once, then never again, then only what is new', async () => {
    const first = await json<Scored>('score', 'run.yaml');
    expect(first).toMatchObject({ pairs: PAIRS, usable: PAIRS, scored: 3 * PAIRS, cached: 0 });
    expect(first.references.map(({ name, scored }) => [name, scored])).toEqual([
      ['self', PAIRS],
      ['second', PAIRS],
      ['third', PAIRS],
    ]);
    expect(await json<Scored>('score', 'run.yaml', '--set', 'objective.beta=0.5')).toMatchObject({
      scored: 0,
      cached: 3 * PAIRS,
    });
    writePairs(PAIRS + 2);
    expect(await json<Scored>('score', 'run.yaml')).toMatchObject({ scored: 6, cached: 3 * PAIRS });
  });

  it('says the same to people, the cache included', async () => {
    const { code, stdout } = await mrpo('score', 'run.yaml');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^40 pairs, 40 usable under all references/);
    expect(stdout).toMatch(/self +40 scored +0 from the cache +0 unusable/);
    expect(stdout).toContain(`cache: ${join(folder, 'cache/logps.sqlite')}`);
  });

  it('names the rows that a reference cannot use', async () => {
    const { stdout } = await mrpo('score', 'run.yaml', '--set', 'data.max_length=40', '--set', 'data.truncation=drop');
    expect(stdout).toMatch(/0 usable/);
    expect(stdout).toMatch(/row 1: too_long\n.*and 30 more; --json names them all/s);
  });
});

describe('mrpo references and mrpo whatif', () => {
  it('ask to score first', async () => {
    for (const command of ['references', 'whatif']) {
      const { code, stdout, stderr } = await mrpo(command, 'run.yaml');
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toMatch(/not scored yet on these pairs: "self", "second", "third".*mrpo score/s);
    }
  });

  it('show every reference, for people and programs', async () => {
    await mrpo('score', 'run.yaml');
    const { stdout } = await mrpo('references', 'run.yaml');
    expect(stdout).toMatch(
      /^40 of 40 pairs have log-probs under every reference\.\nBaseline: .*Health\n {2}self \(the policy as it starts\)/s,
    );
    expect(stdout).toMatch(/Step 0, before any training: reward accuracy/);
    const report = await json<{
      references: { name: string; accuracy: { sum: { share: number; interval: number[] } }; dominance: number }[];
    }>('references', 'run.yaml');
    expect(report.references.map(({ name }) => name)).toEqual(['self', 'second', 'third']);
    for (const { accuracy } of report.references) {
      const {
        share,
        interval: [low = NaN, high = NaN],
      } = accuracy.sum;
      expect(low <= share && share <= high).toBe(true);
    }
    expect(report.references.reduce((sum, { dominance }) => sum + dominance, 0)).toBeCloseTo(1, 12);
  });

  it('sweep settings, and write the page that was asked for', async () => {
    await mrpo('score', 'run.yaml');
    const { code, stdout, stderr } = await mrpo('whatif', 'run.yaml', '--html', 'whatif.html');
    expect(code).toBe(0);
    expect(stdout).toMatch(/as configured +\d/);
    expect(stderr).toContain('page: whatif.html');
    expect(readFileSync(join(folder, 'whatif.html'), 'utf8')).toContain('<h1>What if: run.yaml</h1>');
    const { results } = await json<{ results: { setting: { label: string } }[] }>('whatif', 'run.yaml');
    expect(results[0]?.setting.label).toBe('as configured');
    expect((await mrpo('whatif', 'run.yaml', '--html', 'no/such/folder/page.html')).stderr).toContain('no/such/folder');
  });
});

describe('mrpo cache', () => {
  it('shows an empty cache, and one line of facts per model', async () => {
    expect((await mrpo('cache')).stdout).toMatch(/0 models\n$/);
    await mrpo('score', 'run.yaml');
    const { stdout } = await mrpo('cache');
    expect(stdout).toMatch(/3 models\n/);
    expect(stdout).toMatch(/toy:second\n {4}40 pairs, last used \d{4}-\d\d-\d\d\n/);
    const { models, bytes } = await json<{ models: { label: string; pairs: number }[]; bytes: number }>('cache');
    expect(models.map(({ label, pairs }) => [label, pairs]).sort()).toEqual([
      ['toy:policy', 40],
      ['toy:second', 40],
      ['toy:third', 40],
    ]);
    expect(bytes).toBeGreaterThan(0);
  });

  it('carries scores to a machine that has neither models nor backend', async () => {
    await mrpo('score', 'run.yaml');
    const here = JSON.parse((await mrpo('references', 'run.yaml', '--json')).stdout) as unknown;
    expect((await mrpo('cache', 'export', 'scores.parquet')).stdout).toMatch(/scores\.parquet: 120 scores of 3 models/);
    expect((await laptop('cache', 'import', 'scores.parquet')).stdout).toMatch(
      /120 scores of 3 models added, 0 were here already/,
    );
    expect((await laptop('cache', 'import', 'scores.parquet')).stdout).toMatch(
      /0 scores of 3 models added, 120 were here already/,
    );
    const there = await laptop('references', 'run.yaml', '--json', '--set', 'output=elsewhere');
    expect(there.code, there.stderr).toBe(0);
    expect(JSON.parse(there.stdout)).toEqual(here);
    expect((await laptop('whatif', 'run.yaml')).code).toBe(0);
  });

  it('still knows imported models after a backend elsewhere has named them', async () => {
    await mrpo('score', 'run.yaml');
    await mrpo('cache', 'export', 'scores.parquet');
    await mrpo('cache', 'import', 'scores.parquet');
    expect(await json<Scored>('score', 'run.yaml')).toMatchObject({ scored: 0, cached: 3 * PAIRS });
    const { code, stderr } = await runMrpo(['references', 'run.yaml'], {
      cwd: folder,
      env: { MRPO_BACKEND: 'unix:/no/such/socket', MRPO_CACHE_DIR: join(folder, 'cache') },
    });
    expect(code, stderr).toBe(0);
  });

  it('prunes what is named, and nothing without being told what', async () => {
    await mrpo('score', 'run.yaml');
    expect((await mrpo('cache', 'prune')).code).toBe(2);
    expect((await mrpo('cache', 'prune', '--unused', 'ten')).code).toBe(2);
    expect((await mrpo('cache', 'prune', '--all', '--model', 'toy:second')).code).toBe(2);
    expect((await mrpo('cache', 'prune', '--model', 'toy:second')).stdout).toMatch(
      /^removed toy:second: 40 scores\n1 models removed/,
    );
    expect(await json<Scored>('score', 'run.yaml')).toMatchObject({ scored: PAIRS, cached: 2 * PAIRS });
    expect((await mrpo('cache', 'prune', '--all')).stdout).toMatch(/3 models removed/);
    expect((await mrpo('cache', 'export', 'scores.parquet')).stderr).toContain('nothing to export');
    expect(existsSync(join(folder, 'scores.parquet'))).toBe(false);
  });
});
