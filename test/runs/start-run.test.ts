import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMemoryBackend } from '../../src/backend/memory.js';
import type { MrpoError } from '../../src/core/errors.js';
import { readRun, beginRun } from '../../src/runs/index.js';
import { createRunFolder } from '../../src/store/run-folder.js';
import { notesOf, pairRows, runToEnd, temporaryCache, temporaryFolder, toyConfig, writePairs } from './support.js';

describe('a run', () => {
  it('leaves a folder with everything a person or a program looks for', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const loaded = toyConfig(folder);
    const { result, error } = await runToEnd(loaded);
    expect(error).toBeUndefined();
    expect(result?.status).toBe('succeeded');

    const output = join(folder, 'run');
    expect(readdirSync(output).sort()).toEqual([
      'adapter',
      'checkpoints',
      'config.yaml',
      'held-out.jsonl',
      'metrics.jsonl',
      'report.html',
      'run.json',
      'samples.jsonl',
      'scores.safetensors',
    ]);
    const { record, metrics, heldOut, samples, config } = await readRun(output);
    expect(config).toEqual(JSON.parse(JSON.stringify(loaded.config)));
    expect(record).toMatchObject({
      status: 'succeeded',
      stage: 'done',
      configHash: loaded.hash,
      backend: { device: 'memory' },
      data: { trainingPairs: 32, heldOutPairs: 8, longerIsChosen: 0, format: 'trl-conversational' },
      training: { steps: 8, totalSteps: 8, skippedSteps: 0, repeatable: 'bit for bit' },
      references: [
        { name: 'self', scored: 40, cached: 0 },
        { name: 'other', scored: 40, cached: 0 },
      ],
    });
    expect(Object.keys(record.seconds)).toEqual([
      'data',
      'backend',
      'references',
      'load',
      'samples',
      'train',
      'export',
    ]);
    expect(metrics.filter((line) => 'loss' in line)).toHaveLength(8);
    expect(heldOut).toHaveLength(8);
    expect(samples.map(({ step }) => step)).toEqual([0, 0, 8, 8]);
    expect(readFileSync(join(output, 'config.yaml'), 'utf8')).toContain(`# hash: ${loaded.hash}`);
    expect(readFileSync(join(output, 'adapter/README.md'), 'utf8')).toMatch(
      /^---\nbase_model: toy:policy\nlibrary_name: peft\n/,
    );
  });

  it("writes metrics under TRL's names, evaluations with eval_, and what each reference did", async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(toyConfig(folder));
    const { metrics, record } = await readRun(run.folder);
    const step = metrics.find((line) => line['step'] === 1);
    for (const name of [
      'loss',
      'grad_norm',
      'learning_rate',
      'epoch',
      'num_tokens',
      'logps/chosen',
      'logps/rejected',
      'rewards/chosen',
      'rewards/rejected',
      'rewards/margins',
      'rewards/accuracies',
      'references/other/weight',
      'references/other/clip_share',
      'references/other/dominance',
    ]) {
      expect(step?.[name], name).toBeTypeOf('number');
    }
    const evaluations = metrics.filter((line) => 'eval_loss' in line);
    expect(evaluations.map(({ step }) => step)).toEqual([0, 8]);
    expect(evaluations[1]?.['eval_rewards/accuracies']).toBe(record.evaluation?.after['rewards/accuracies']);
    expect(record.evaluation?.after['loss']).toBeLessThan(record.evaluation?.before['loss'] ?? NaN);
    expect(record.evaluation?.before['margins/refm1']).toBe(0);
  });

  it('averages logged steps over their pairs', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const each = await runToEnd(toyConfig(folder));
    const folder2 = temporaryFolder();
    writePairs(folder2);
    const training = { learning_rate: 0.02, batch_size: 4, epochs: 1, logging_steps: 3 };
    const every3 = await runToEnd(toyConfig(folder2, { training }));
    const lossesOf = async (folder: string): Promise<[number, number][]> =>
      (await readRun(folder)).metrics.flatMap((line) =>
        'loss' in line ? [[Number(line['step']), Number(line['loss'])]] : [],
      );
    const single = new Map(await lossesOf(each.run.folder));
    const [first, second, last] = await lossesOf(every3.run.folder);
    expect([first?.[0], second?.[0], last?.[0]]).toEqual([3, 6, 8]);
    expect(first?.[1]).toBeCloseTo(((single.get(1) ?? 0) + (single.get(2) ?? 0) + (single.get(3) ?? 0)) / 3, 12);
    expect(last?.[1]).toBeCloseTo(((single.get(7) ?? 0) + (single.get(8) ?? 0)) / 2, 12);
  });

  it('gives the same adapter for the same configuration and seed, byte for byte', async () => {
    const adapterOf = async (seed: number): Promise<string> => {
      const folder = temporaryFolder();
      writePairs(folder);
      const { run } = await runToEnd(
        toyConfig(folder, { training: { learning_rate: 0.02, batch_size: 4, epochs: 1, seed } }),
      );
      return readFileSync(join(run.folder, 'adapter/toy-adapter.json'), 'utf8');
    };
    const first = await adapterOf(5);
    expect(await adapterOf(5)).toBe(first);
    expect(await adapterOf(6)).not.toBe(first);
  });

  it('scores nothing that the cache knows', async () => {
    const cache = temporaryCache();
    const first = temporaryFolder();
    writePairs(first);
    await runToEnd(toyConfig(first), { cache });
    const second = temporaryFolder();
    writePairs(second);
    const { run } = await runToEnd(toyConfig(second, { objective: { beta: 0.5 } }), { cache });
    expect((await readRun(run.folder)).record.references).toEqual([
      { name: 'self', model: 'policy', scored: 0, cached: 40 },
      { name: 'other', model: 'toy:other', scored: 0, cached: 40 },
    ]);
  });

  it('trains all weights without an adapter and leaves a model', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run, result } = await runToEnd(toyConfig(folder, { policy: { model: 'toy:policy', lora: 'off' } }));
    expect(result?.status).toBe('succeeded');
    expect(readdirSync(join(run.folder, 'model'))).toContain('toy-model.json');
    expect(readFileSync(join(run.folder, 'model/README.md'), 'utf8')).toContain('library_name: transformers');
  });

  it('works without held-out pairs', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run, result } = await runToEnd(
      toyConfig(folder, { data: { train: join(folder, 'pairs.jsonl'), eval: 0 } }),
    );
    expect(result?.status).toBe('succeeded');
    expect((await readRun(run.folder)).heldOut).toEqual([]);
    expect(readFileSync(join(run.folder, 'report.html'), 'utf8')).toContain('Nothing was evaluated');
  });

  it('tells its events in order to whoever listens, also afterwards', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run, events } = await runToEnd(toyConfig(folder));
    expect(events[0]).toMatchObject({ type: 'started', folder: run.folder });
    expect(events.at(-1)).toMatchObject({ type: 'finished', status: 'succeeded' });
    expect(events.flatMap((event) => (event.type === 'stage' ? [event.stage] : []))).toEqual([
      'data',
      'backend',
      'references',
      'load',
      'samples',
      'train',
      'export',
      'samples',
    ]);
    expect(events.flatMap((event) => (event.type === 'step' ? [event.step] : []))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    const late = [];
    for await (const event of run.events) late.push(event.type);
    expect(late).toContain('started');
    expect(late.filter((type) => type === 'step')).toHaveLength(8);
  });

  it('gives rows it cannot use a reason and a line, counts them, and goes on', async () => {
    const folder = temporaryFolder();
    const rows: unknown[] = pairRows(40);
    rows[3] = { prompt: [{ role: 'user', content: 'no answers' }] };
    rows[7] = { ...pairRows(8)[7], rejected: pairRows(8)[7]?.chosen };
    rows[9] = { ...pairRows(10)[9], prompt: [{ role: 'user', content: 'long '.repeat(60) }] };
    writePairs(folder, rows);
    const { events, run } = await runToEnd(
      toyConfig(folder, { data: { train: join(folder, 'pairs.jsonl'), eval: 8, max_length: 100 } }),
    );
    const notes = notesOf(events).join('\n');
    expect(notes).toMatch(/1 rows dropped: .*\(first: line 4\)/);
    expect(notes).toMatch(/1 rows dropped: .*\(first: line 8\)/);
    expect(notes).toMatch(/1 pairs dropped: too_long under the policy \(first: .*pairs\.jsonl line 10\)/);
    const { data } = (await readRun(run.folder)).record;
    expect(Object.values(data?.dropped ?? {})).toEqual([1, 1, 1]);
    expect((data?.trainingPairs ?? 0) + (data?.heldOutPairs ?? 0)).toBe(37);
  });

  it('says when memory ran out and micro-batches became smaller', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { events, result } = await runToEnd(toyConfig(folder), {
      backend: createMemoryBackend({ maxForwardRows: 2 }),
    });
    expect(result?.status).toBe('succeeded');
    expect(notesOf(events).join('\n')).toMatch(
      /step 1: out of memory; done again, with the same gradient, holding \d+ tokens at once/,
    );
  });
});

describe('a run folder', () => {
  it('is never one that holds something', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const loaded = toyConfig(folder, { output: folder });
    await expect(beginRun(loaded, { backend: createMemoryBackend() })).rejects.toThrow(
      /is not empty \(it holds pairs\.jsonl\)/,
    );
    expect(readdirSync(folder)).toEqual(['pairs.jsonl']);
    const finished = toyConfig(folder);
    await runToEnd(finished);
    await expect(beginRun(finished, { backend: createMemoryBackend() })).rejects.toMatchObject({ code: 'config' });
  });

  it('is never a file', async () => {
    const folder = temporaryFolder();
    const file = writePairs(folder);
    await expect(beginRun(toyConfig(folder, { output: file }))).rejects.toThrow(/is a file/);
    await expect(beginRun(toyConfig(folder, { output: join(file, 'below') }))).rejects.toThrow(/lies under one/);
    expect(readFileSync(file, 'utf8').length).toBeGreaterThan(0);
  });

  it('of a run that failed before it had any result makes room for the next try', async () => {
    const folder = temporaryFolder();
    const loaded = toyConfig(folder);
    const { error } = await runToEnd(loaded);
    expect((error as MrpoError).message).toMatch(/pairs\.jsonl: no such file/);
    writePairs(folder);
    expect((await runToEnd(loaded)).result?.status).toBe('succeeded');
  });

  it('of a run that was killed before it had a record makes room too, a file of the same name does not', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const loaded = toyConfig(folder);
    const output = join(folder, 'run');
    const { lock } = await createRunFolder(output, '# Resolved configuration of this run: of the one that was killed');
    await expect(beginRun(loaded)).rejects.toThrow(/works on this run/);
    await lock.release();
    writeFileSync(join(output, '.00000000-0000-0000-0000-000000000000.tmp'), 'half');
    expect((await runToEnd(loaded)).result?.status).toBe('succeeded');
    expect(readdirSync(output).filter((name) => name.startsWith('.'))).toEqual([]);
    const own = temporaryFolder();
    writeFileSync(join(own, 'config.yaml'), 'policy: mine');
    await expect(beginRun(toyConfig(folder, { output: own }))).rejects.toThrow(/is not empty/);
    expect(readdirSync(own)).toEqual(['config.yaml']);
  });

  it.each(['new', 'that of a run without result'])(
    'goes to one of several runs that want it at once, %s',
    async (which) => {
      for (let round = 0; round < 20; round++) {
        const folder = temporaryFolder();
        const path = join(folder, 'run');
        if (which !== 'new') await runToEnd(toyConfig(folder));
        const takers = ['first', 'second', 'third'].map((name) => createRunFolder(path, name));
        const taken = (await Promise.allSettled(takers)).map(({ status }) => status === 'fulfilled');
        expect(taken.filter(Boolean)).toHaveLength(1);
        expect(readdirSync(path)).toEqual(['.lock', 'config.yaml']);
        expect(readFileSync(join(path, 'config.yaml'), 'utf8')).toBe(['first', 'second', 'third'][taken.indexOf(true)]);
      }
    },
  );

  it('is readable with a last line that a killed process left half-written', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(toyConfig(folder));
    const file = join(run.folder, 'metrics.jsonl');
    const whole = (await readRun(run.folder)).metrics;
    writeFileSync(file, `${readFileSync(file, 'utf8')}{"step":9,"lo`);
    expect((await readRun(run.folder)).metrics).toEqual(whole);
  });

  it('that says it goes on, by a process that is gone, is told as failed', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(toyConfig(folder));
    const file = join(run.folder, 'run.json');
    const record = parse(readFileSync(file, 'utf8')) as { machine: object };
    writeFileSync(
      file,
      JSON.stringify({
        ...record,
        status: 'running',
        stage: 'train',
        machine: { ...record.machine, processId: 2 ** 22 + 1 },
      }),
    );
    expect((await readRun(run.folder)).record).toMatchObject({
      status: 'failed',
      reason: 'process 4194305 exited without recording a status while at: train',
    });
  });

  it('is not any folder', async () => {
    const folder = temporaryFolder();
    await expect(readRun(folder)).rejects.toThrow(/is not a run folder: it has no run\.json/);
  });
});
