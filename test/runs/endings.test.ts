import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { BackendFault } from '../../src/backend/fault.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import type { MrpoError } from '../../src/core/errors.js';
import { generate, readRun } from '../../src/runs/index.js';
import { notesOf, pairRows, runToEnd, temporaryFolder, toyConfig, writePairs } from './support.js';

/** A backend whose process ends in the middle of the given step. */
function dyingBackend(atStep: number): Backend {
  const inner = createMemoryBackend();
  const dead = (): never => {
    throw new BackendFault('died', 'the Python backend ended (signal SIGKILL); its last log lines: torch: out of luck');
  };
  return {
    ...inner,
    async createTrainer(...given) {
      const trainer = await inner.createTrainer(...given);
      return {
        ...trainer,
        forward: async (request) => (request.step === atStep ? dead() : trainer.forward(request)),
        abort: async () => dead(),
      };
    },
  };
}

describe('a run that fails in the middle', () => {
  it('is marked failed with the last log lines, and what it wrote stays readable', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { error, run, events } = await runToEnd(toyConfig(folder), { backend: dyingBackend(4) });
    expect((error as BackendFault).reason).toBe('died');
    const { record, metrics } = await readRun(run.folder);
    expect(record).toMatchObject({ status: 'failed', stage: 'train' });
    expect(record.reason).toContain('torch: out of luck');
    expect(record.finishedAt).toBeDefined();
    expect(metrics.flatMap((line) => ('loss' in line ? [line['step']] : []))).toEqual([1, 2, 3]);
    expect(readFileSync(join(run.folder, 'report.html'), 'utf8')).toContain('torch: out of luck');
    expect(events.at(-1)).toMatchObject({ type: 'finished', status: 'failed' });
  });

  it('says before anything is loaded that a file is missing, or that no row can be used', async () => {
    const folder = temporaryFolder();
    const never: Backend = { ...createMemoryBackend(), info: () => Promise.reject(new Error('the backend was asked')) };
    const missing = await runToEnd(toyConfig(folder), { backend: never });
    expect((missing.error as MrpoError).message).toMatch(/no such file/);
    writePairs(folder, [
      { prompt: 'a', chosen: 'b' },
      { prompt: 'a', chosen: 'b', rejected: '' },
    ]);
    const none = await runToEnd(toyConfig(folder), { backend: never });
    expect((none.error as MrpoError).code).toBe('data');
  });

  it('says that no pair fits the length limit', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { error } = await runToEnd(
      toyConfig(folder, { data: { train: join(folder, 'pairs.jsonl'), eval: 8, max_length: 10, truncation: 'drop' } }),
    );
    expect((error as MrpoError).code).toBe('data');
    expect((error as MrpoError).message).toMatch(
      /no pairs are left to train on: 40 pairs dropped: too_long under the policy/,
    );
  });

  it('names a model that is not there', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { error } = await runToEnd(toyConfig(folder, { policy: { model: join(folder, 'no-such-model') } }));
    expect(error).toMatchObject({ code: 'model', reason: 'model_not_found' });
  });

  it('asks for a chat template where a conversational pair meets a model without one', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { error } = await runToEnd(toyConfig(folder), {
      backend: createMemoryBackend({ withoutChatTemplate: ['toy:other'] }),
    });
    expect(error).toMatchObject({ code: 'model', reason: 'chat_template_missing' });
    expect((error as MrpoError).message).toContain('toy:other');
  });
});

describe('log-probs that are not finite', () => {
  it('of a reference leave the pair out, named and counted', async () => {
    const folder = temporaryFolder();
    const rows = pairRows(40).map((row, i) =>
      i === 11 ? { ...row, chosen: [{ role: 'assistant', content: 'broken' }] } : row,
    );
    writePairs(folder, rows);
    const { events, result } = await runToEnd(toyConfig(folder), {
      backend: createMemoryBackend({ brokenText: 'broken' }),
    });
    expect(notesOf(events).join('\n')).toMatch(
      /1 pairs dropped: .*NaN.* under reference self \(first: .*pairs\.jsonl line 12\)/,
    );
    expect(result?.status).toBe('succeeded');
  });

  it('of the policy in training end the run and name the row', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const inner = createMemoryBackend();
    const overflowing: Backend = {
      ...inner,
      async createTrainer(...given) {
        const trainer = await inner.createTrainer(...given);
        return {
          ...trainer,
          async forward(request) {
            const result = await trainer.forward(request);
            return request.step === 3
              ? {
                  ...result,
                  logps: {
                    ...result.logps,
                    rejected: result.logps.rejected.map((logp, i) => (i === 0 ? -Infinity : logp)),
                  },
                }
              : result;
          },
        };
      },
    };
    const { error } = await runToEnd(toyConfig(folder), { backend: overflowing });
    expect((error as MrpoError).code).toBe('data');
    expect((error as MrpoError).message).toMatch(
      /pairs\.jsonl line \d+: the log-prob of the rejected response under the policy is -Infinity/,
    );
  });
});

describe('a run that is stopped', () => {
  it('in training ends at the step boundary with a usable adapter', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const backend = createMemoryBackend();
    const { result, run, events } = await runToEnd(toyConfig(folder), {
      backend,
      onEvent: (event, { stop }) => {
        if (event.type === 'step' && event.step === 3) stop();
      },
    });
    expect(result?.status).toBe('cancelled');
    const { record, metrics } = await readRun(run.folder);
    expect(record.status).toBe('cancelled');
    expect(record.training?.steps).toBe(metrics.filter((line) => 'loss' in line).length);
    expect(record.training?.steps).toBeGreaterThanOrEqual(3);
    expect(record.training?.steps).toBeLessThan(8);
    expect(events.at(-1)).toMatchObject({ type: 'finished', status: 'cancelled' });
    const report = readFileSync(join(run.folder, 'report.html'), 'utf8');
    expect(report).toContain('stopped on request');
    expect(report.replace(/<[^>]*>/g, ' ')).toMatch(/Accuracy without any reference.*\d\.\d\s% +–/s);
    const [answer] = await generate({ model: run.folder, prompts: ['What is 1 plus two?'], maxNewTokens: 4, backend });
    expect(answer?.tokens).toBeGreaterThan(0);
  });

  it('before training ends at once and leaves no adapter', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { result, run } = await runToEnd(toyConfig(folder), {
      onEvent: (event, { stop }) => {
        if (event.type === 'stage' && event.stage === 'references') stop();
      },
    });
    expect(result?.status).toBe('cancelled');
    expect(existsSync(join(run.folder, 'adapter'))).toBe(false);
    await expect(generate({ model: run.folder, prompts: ['a'], backend: createMemoryBackend() })).rejects.toThrow(
      /has no trained model: its status is cancelled/,
    );
  });

  it('by a signal that has fired already does not begin', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { result, events } = await runToEnd(toyConfig(folder), { signal: AbortSignal.abort() });
    expect(result?.status).toBe('cancelled');
    expect(events.some((event) => event.type === 'step')).toBe(false);
  });
});

describe('a backend that is given', () => {
  it('stays open, with nothing of the run in it', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const inner = createMemoryBackend();
    const held = new Set<string>();
    const backend: Backend = {
      ...inner,
      async loadModel(...given) {
        const model = await inner.loadModel(...given);
        held.add(model.handle);
        return model;
      },
      async unloadModel(handle) {
        held.delete(handle);
        return inner.unloadModel(handle);
      },
    };
    await runToEnd(toyConfig(folder), { backend });
    expect([...held]).toEqual([]);
    expect((await backend.info()).device).toBe('memory');
  });
});
