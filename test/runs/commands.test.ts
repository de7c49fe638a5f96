/** train, evaluate, generate and export on the command line, over gRPC to an in-memory backend. */
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { readRun } from '../../src/runs/index.js';
import { serveBackend } from '../backend/support/serve-backend.js';
import { runMrpo, type CliResult } from '../support/run-mrpo.js';
import { temporaryFolder, writePairs } from './support.js';

let folder: string;
let address: string;

beforeEach(async () => {
  folder = temporaryFolder();
  writePairs(folder);
  writeFileSync(
    join(folder, 'run.yaml'),
    stringify({
      policy: { model: 'toy:policy' },
      references: [{ model: 'policy', name: 'self' }, { model: 'toy:other' }],
      data: { train: 'pairs.jsonl', eval: 8 },
      training: { learning_rate: 0.02, batch_size: 4, epochs: 1 },
      generate: { samples: 1, max_new_tokens: 8 },
      output: 'run',
    }),
  );
  const served = await serveBackend(createMemoryBackend());
  onTestFinished(() => served.kill());
  address = served.address;
});

const mrpo = (...argv: string[]): Promise<CliResult> =>
  runMrpo(argv, { cwd: folder, env: { MRPO_BACKEND: address, MRPO_CACHE_DIR: join(folder, 'cache') } });

describe('mrpo train', () => {
  it('trains and shows before and after', async () => {
    const { code, stdout, stderr } = await mrpo('train', 'run.yaml');
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(
      /step 0 +step 8\n.*accuracy, own reward.*the longer response is the chosen one in 0\.0 % of the pairs/s,
    );
    expect(stdout).toContain(`report:  ${join(folder, 'run/report.html')}`);
    expect(stderr).toMatch(/step 0, held out: loss \d/);
    expect((await readRun(join(folder, 'run'))).record.status).toBe('succeeded');
  });

  it('prints one JSON object and nothing else with --json', async () => {
    const { code, stdout } = await mrpo('train', 'run.yaml', '--json', '--quiet', '--set', 'output=elsewhere');
    expect(code).toBe(0);
    const result = JSON.parse(stdout) as { status: string; folder: string; evaluation: { after: object } };
    expect(result).toMatchObject({ status: 'succeeded', folder: join(folder, 'elsewhere') });
    expect(result.evaluation.after).toHaveProperty('accuracies/per_token');
  });

  it('ends with 2 for a configuration or a folder that cannot be, and writes nothing', async () => {
    const mistyped = await mrpo('train', 'run.yaml', '--set', 'training.learning_rat=1');
    expect([mistyped.code, mistyped.stdout]).toEqual([2, '']);
    expect(mistyped.stderr).toMatch(/learning_rat.*learning_rate/s);
    expect((await mrpo('train', 'run.yaml', '--set', 'output=.')).stderr).toMatch(/is not empty/);
    expect((await mrpo('train', 'no-such.yaml')).code).toBe(2);
    expect((await mrpo('train')).code).toBe(2);
    expect(existsSync(join(folder, 'run'))).toBe(false);
  });

  it('ends with 1 when the run fails, and says where it is', async () => {
    const { code, stderr } = await mrpo('train', 'run.yaml', '--set', 'policy.model=./nothing-here');
    expect(code).toBe(1);
    expect(stderr).toMatch(/the run failed; what it wrote is in .*run/);
    expect(stderr).toMatch(/error: .*nothing-here/);
    const json = await mrpo('train', 'run.yaml', '--json', '--set', 'data.train=gone.jsonl');
    expect(json.code).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      status: 'failed',
      reason: expect.stringContaining('gone.jsonl') as string,
    });
  });

  it('ends with 1 at an address where nobody answers', async () => {
    const { code, stderr } = await mrpo('train', 'run.yaml', '--backend', '127.0.0.1:1');
    expect(code).toBe(1);
    expect(stderr).toContain('127.0.0.1:1');
  });

  it('ends with 130 when it was stopped', async () => {
    const world = {
      cwd: folder,
      env: { MRPO_BACKEND: address, MRPO_CACHE_DIR: join(folder, 'cache') },
      signal: AbortSignal.abort(),
    };
    expect((await runMrpo(['train', 'run.yaml'], world)).code).toBe(130);
    expect((await readRun(join(folder, 'run'))).record.status).toBe('cancelled');
  });
});

describe('mrpo evaluate', () => {
  it("measures a configuration's policy, and a run's result as the run did", async () => {
    await mrpo('train', 'run.yaml');
    const { record } = await readRun(join(folder, 'run'));
    const before = JSON.parse((await mrpo('evaluate', 'run.yaml', '--json')).stdout) as {
      measures: Record<string, number>;
    };
    const after = JSON.parse((await mrpo('evaluate', 'run', '--json')).stdout) as { measures: Record<string, number> };
    expect(before.measures).toEqual(record.evaluation?.before);
    expect(after.measures['loss']).toBeCloseTo(record.evaluation?.after['loss'] ?? NaN, 9);
    const shown = await mrpo('evaluate', 'run');
    expect(shown.stdout).toMatch(/step 0 +8 pairs\n.*the longer response is the chosen one in 0\.0 % of the pairs/s);
    expect(JSON.parse((await mrpo('evaluate', 'run', '--json')).stdout)).toHaveProperty(
      'stepZero',
      record.evaluation?.before,
    );
  });

  it('does not change how a run was configured', async () => {
    await mrpo('train', 'run.yaml');
    expect((await mrpo('evaluate', 'run', '--set', 'objective.beta=1')).code).toBe(2);
  });
});

describe('mrpo generate', () => {
  it('answers prompts from flags or from standard input', async () => {
    const flags = await mrpo(
      'generate',
      'toy:policy',
      '--prompt',
      'one',
      '--prompt',
      'two',
      '--max-new-tokens',
      '6',
      '--json',
    );
    const { answers } = JSON.parse(flags.stdout) as { answers: { prompt: string; tokens: number }[] };
    expect(answers.map(({ prompt }) => prompt)).toEqual(['one', 'two']);
    const world = { cwd: folder, env: { MRPO_BACKEND: address }, stdin: 'one\n' };
    const piped = await runMrpo(['generate', 'toy:policy', '--max-new-tokens', '6', '--json'], world);
    expect(JSON.parse(piped.stdout)).toEqual({ answers: answers.slice(0, 1) });
  });

  it('answers with what a run trained', async () => {
    await mrpo('train', 'run.yaml', '--set', 'training.learning_rate=0.5');
    const ask = async (model: string): Promise<string> =>
      (
        await mrpo(
          'generate',
          model,
          '--prompt',
          'What is 1 plus two?',
          '--temperature',
          '1',
          '--seed',
          '5',
          '--max-new-tokens',
          '40',
        )
      ).stdout;
    expect(await ask('run')).not.toBe(await ask('toy:policy'));
  });

  it.each([
    ['--temperature', 'warm', /number from 0/],
    ['--max-new-tokens', '0', /whole number from 1/],
    ['--quantization', 'int4', /none, nf4, int8/],
  ])('refuses %s %s', async (flag, value, message) => {
    const { code, stderr } = await mrpo('generate', 'toy:policy', '--prompt', 'a', flag, value);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('refuses an empty prompt', async () => {
    const { code, stderr } = await mrpo('generate', 'toy:policy');
    expect(code).toBe(2);
    expect(stderr).toContain('the prompt is empty');
  });
});

describe('mrpo export', () => {
  it('copies the adapter, or merges it', async () => {
    await mrpo('train', 'run.yaml');
    expect((await mrpo('export', 'run', '--to', 'copy')).code).toBe(0);
    expect(readdirSync(join(folder, 'copy')).sort()).toEqual(['README.md', 'toy-adapter.json']);
    const merged = await mrpo('export', 'run', '--merge', '--to', 'merged', '--json');
    expect(JSON.parse(merged.stdout)).toEqual({
      folder: join(folder, 'merged'),
      files: ['toy-model.json', 'README.md'],
    });
  });

  it('refuses a folder that is no run, and a target that holds something', async () => {
    expect((await mrpo('export', '.', '--to', 'copy')).stderr).toContain('is not a run folder');
    await mrpo('train', 'run.yaml');
    const { code, stderr } = await mrpo('export', 'run', '--to', '.');
    expect(code).toBe(2);
    expect(stderr).toContain('is not empty');
  });
});

describe('help', () => {
  it.each(['train', 'evaluate', 'generate', 'export'])('of %s shows an example', async (command) => {
    const { code, stdout } = await mrpo(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toContain(`$ npx mrpo ${command}`);
  });
});
