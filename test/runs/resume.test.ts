/** Going on with a run, on the in-memory backend: what comes out is what would have come out. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Backend, ModelIdentity, Trainer } from '../../src/backend/backend.js';
import { BackendFault } from '../../src/backend/fault.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { loadConfig, type LoadedConfig, type RunConfigInput } from '../../src/config/index.js';
import { type MrpoError } from '../../src/core/errors.js';
import { eachSide } from '../../src/core/sides.js';
import { evaluateHeldOut, readRun, continueRun, RUN_FILES, type StartOptions } from '../../src/runs/index.js';
import type { LogpCache } from '../../src/references/index.js';
import { listCheckpoints } from '../../src/store/checkpoints.js';
import { follow, notesOf, offBy, runToEnd, temporaryCache, temporaryFolder, toyConfig, writePairs } from './support.js';

const TRAINING = {
  learning_rate: 0.02,
  batch_size: 4,
  epochs: 2,
  save_steps: 3,
  eval_steps: 4,
  logging_steps: 2,
} as const;

function config(folder: string, changes: Partial<RunConfigInput> = {}): LoadedConfig {
  return toyConfig(folder, { training: TRAINING, objective: { weights: 'tsw' }, ...changes });
}

/** The run's own configuration, as `mrpo resume` reads it. */
const ownConfig = (run: string, set: readonly string[] = []): LoadedConfig =>
  loadConfig({ file: join(run, RUN_FILES.config), set, env: {}, cwd: run });

const resume = (run: string, loaded = ownConfig(run), options: StartOptions = {}) =>
  follow(continueRun(run, loaded, { backend: createMemoryBackend(), cache: temporaryCache(), ...options }));

/** Everything of a run folder that must not depend on how often it was interrupted. */
function resultOf(run: string): Record<string, unknown> {
  const lines = (file: string): unknown[] =>
    readFileSync(join(run, file), 'utf8')
      .replaceAll(/\/[^"]*pairs\.jsonl/g, 'pairs.jsonl')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line, (key, value: unknown) => (/second/.test(key) ? 0 : value)) as unknown);
  const files = ['adapter/toy-adapter.json', 'model/toy-model.json'].filter((file) => existsSync(join(run, file)));
  return {
    adapter: files.map((file) => readFileSync(join(run, file), 'utf8')),
    metrics: lines('metrics.jsonl'),
    heldOut: lines('held-out.jsonl'),
    samples: lines('samples.jsonl'),
  };
}

/** What nobody disturbed, by what was changed in the configuration: many tests compare with the same. */
const results = new Map<string, Record<string, unknown>>();

async function undisturbed(changes: Partial<RunConfigInput> = {}): Promise<Record<string, unknown>> {
  const key = JSON.stringify(changes);
  const known = results.get(key);
  if (known !== undefined) return known;
  const folder = temporaryFolder();
  writePairs(folder);
  const { run, error } = await runToEnd(config(folder, changes));
  expect(error).toBeUndefined();
  const result = resultOf(run.folder);
  results.set(key, result);
  return result;
}

/** A trainer that throws before the given call of a method. */
function failingBackend(fail: (trainer: Trainer) => Partial<Trainer>): Backend {
  const inner = createMemoryBackend();
  return {
    ...inner,
    async createTrainer(...given) {
      const trainer = await inner.createTrainer(...given);
      return { ...trainer, ...fail(trainer) };
    },
  };
}

function failExport(rehearsal: boolean): readonly string[] {
  if (rehearsal) return [];
  throw new BackendFault('path_refused', 'no room');
}

/** A cache that another machine has filled, whose log-probs are off. */
async function cacheOf(folder: string, shift: number): Promise<LogpCache> {
  const cache = temporaryCache();
  const file = join(folder, 'pairs.jsonl');
  const loaded = toyConfig(folder, { data: { train: file, eval: file } });
  await evaluateHeldOut({ loaded, backend: offBy(shift), cache });
  return cache;
}

/** A backend of a later version, which marks models whose numbers are others than they were: here all are. */
function readsOtherwise(backend: Backend): Backend {
  const marked = <T extends ModelIdentity>(identity: T): T => ({
    ...identity,
    numericPath: `${identity.numericPath}; by-own-length`,
  });
  return {
    ...backend,
    identifyModel: async (...given) => marked(await backend.identifyModel(...given)),
    async loadModel(...given) {
      const model = await backend.loadModel(...given);
      return { ...model, identity: marked(model.identity) };
    },
    async *score(...given) {
      for await (const chunk of backend.score(...given)) {
        yield { ...chunk, logps: eachSide((side) => chunk.logps[side].map((logp) => 2 * logp)) };
      }
    },
  };
}

/** The references' log-probs of the held-out pairs that a run went by. */
const referencesOf = (run: string): unknown[] =>
  readFileSync(join(run, RUN_FILES.heldOut), 'utf8')
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { references: unknown }).references);

const diesAtCommit = (step: number, reason: 'died' | 'failed' = 'died', times = Infinity): Backend => {
  let left = times;
  return failingBackend((trainer) => ({
    commit: async (request) => {
      if (request.step !== step || left <= 0) return trainer.commit(request);
      left -= 1;
      throw new BackendFault(reason, `the backend has failed at step ${step}`);
    },
  }));
};

describe('a run that is gone on with', () => {
  it.each([1, 4, 5, 8, 16])('has the result of one that was never interrupted (stopped at step %i)', async (at) => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run, result } = await runToEnd(config(folder), {
      onEvent: (event, { stop }) => {
        if (event.type === 'step' && event.step === at) stop();
      },
    });
    const stopped = await readRun(run.folder);
    if (result?.status === 'cancelled') {
      expect((await listCheckpoints(stopped.folder))[0]?.step).toBe(stopped.record.training?.steps);
      const again = await resume(run.folder);
      expect(again.error).toBeUndefined();
      const { record } = await readRun(run.folder);
      expect(record.attempts).toMatchObject([
        { kind: 'start', fromStep: 0 },
        { kind: 'resume', fromStep: stopped.record.training?.steps, lostSteps: 0, reason: 'stopped on request' },
      ]);
    }
    expect(resultOf(run.folder)).toEqual(await undisturbed());
  });

  it('replaces what was written behind the checkpoint, and says what was lost', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run, error } = await runToEnd(config(folder), { backend: diesAtCommit(12) });
    expect((error as BackendFault).reason).toBe('died');
    const again = await resume(run.folder);
    expect(again.result?.status).toBe('succeeded');
    expect(resultOf(run.folder)).toEqual(await undisturbed());
    const { record } = await readRun(run.folder);
    expect(record.attempts[1]).toMatchObject({ kind: 'resume', fromStep: 9, lostSteps: 1 }); // logged every 2nd step
    expect(record.reason).toBeUndefined();
    expect(readFileSync(join(run.folder, 'report.html'), 'utf8')).toContain('went on');
  });

  it('begins again where there is no checkpoint, or none that is as it was written', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(config(folder), { backend: diesAtCommit(6) });
    const [only] = await listCheckpoints((await readRun(run.folder)).folder);
    writeFileSync(join(only?.path ?? '', 'toy-trainer.json'), '{}');
    const again = await resume(run.folder);
    expect(notesOf(again.events).join('\n')).toContain('toy-trainer.json has 2 bytes');
    expect(resultOf(run.folder)).toEqual(await undisturbed());
  });

  it('may lie in another folder by then', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(config(folder), { backend: diesAtCommit(7) });
    const moved = join(temporaryFolder(), 'moved');
    cpSync(run.folder, moved, { recursive: true });
    rmSync(run.folder, { recursive: true });
    expect((await resume(moved)).result?.status).toBe('succeeded');
    expect(resultOf(moved)).toEqual(await undisturbed());
    expect(existsSync(run.folder)).toBe(false);
  });

  it('ends with what it would have ended with, where it was killed behind an early stop', async () => {
    const early = { ...TRAINING, learning_rate: 2, eval_steps: 1, early_stopping_patience: 2, epochs: 4 } as const;
    const changes = { training: early } as const;
    const folder = temporaryFolder();
    writePairs(folder);
    const failing = failingBackend(() => ({}));
    const { run } = await runToEnd(config(folder, changes), {
      backend: { ...failing, exportModel: async (...given) => failExport(given[2].rehearse === true) },
    });
    const { record } = await readRun(run.folder);
    expect(record.stage).toBe('export');
    expect((await resume(run.folder)).result?.status).toBe('succeeded');
    const expected = await undisturbed(changes);
    expect(resultOf(run.folder)).toEqual(expected);
    expect((expected['metrics'] as unknown[]).length).toBeLessThan(49); // lines without an early stop
  });

  it('keeps what it has learnt when something else than the backend ends it', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const training = { ...TRAINING, save_steps: 100 };
    const broken = failingBackend((trainer) => ({
      forward: async (request) => {
        const result = await trainer.forward(request);
        return request.step < 7
          ? result
          : { ...result, logps: { ...result.logps, chosen: result.logps.chosen.map(() => NaN) } };
      },
    }));
    const { run, error } = await runToEnd(config(folder, { training }), { backend: broken });
    expect((error as MrpoError).message).toContain('expected a finite number');
    const [only] = await listCheckpoints((await readRun(run.folder)).folder);
    expect(only?.step).toBe(6);
    expect((await resume(run.folder)).result?.status).toBe('succeeded');
    expect(resultOf(run.folder)).toEqual(await undisturbed({ training }));
  });

  it.each([
    ['adapter', {}],
    ['all weights', { policy: { model: 'toy:policy', lora: 'off' } }],
  ] as const)(
    'goes by the log-probs that it began with, on a machine that rounds otherwise (%s)',
    async (_name, changes) => {
      const folder = temporaryFolder();
      writePairs(folder);
      const { run } = await runToEnd(config(folder, changes), { backend: diesAtCommit(12) });
      const again = await resume(run.folder, undefined, { cache: await cacheOf(folder, 1e-13) });
      expect(again.error).toBeUndefined();
      expect(resultOf(run.folder)).toEqual(await undisturbed(changes));
    },
  );

  it('keeps only what can be read, also where one checkpoint is all that it may keep', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const training = { ...TRAINING, save_total_limit: 1 };
    const { run } = await runToEnd(config(folder, { training }), { backend: diesAtCommit(8) });
    const { folder: stored } = await readRun(run.folder);
    const [only] = await listCheckpoints(stored);
    writeFileSync(join(only?.path ?? '', 'toy-trainer.json'), '{}');
    const second = await resume(run.folder, undefined, { backend: diesAtCommit(5) }); // from the start
    expect((second.error as BackendFault).reason).toBe('died');
    expect((await listCheckpoints(stored)).map(({ step }) => step)).toEqual([3]);
    expect((await resume(run.folder)).events.find(({ type }) => type === 'resumed')).toMatchObject({ step: 3 });
    expect(resultOf(run.folder)).toEqual(await undisturbed({ training }));
  });

  it('is no error when it is finished, for a job that is started until it is done', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(config(folder));
    rmSync(join(run.folder, 'report.html')); // killed before it was written
    const again = await follow(continueRun(run.folder, ownConfig(run.folder), { acceptFinished: true }));
    expect(again.result?.status).toBe('succeeded');
    expect(notesOf(again.events)).toEqual([`run ${run.folder} is finished already`]);
    expect(readdirSync(run.folder).filter((name) => name === 'report.html' || name.startsWith('.'))).toEqual([
      'report.html',
    ]);
  });

  it('keeps as many checkpoints as it was told to, and nothing else of them', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(config(folder));
    expect(readdirSync(join(run.folder, 'checkpoints')).sort()).toEqual(['step-00000015', 'step-00000016']);
    expect(readdirSync(run.folder).filter((name) => name.startsWith('.'))).toEqual([]);
  });

  it('can be trained further when it is finished', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const constant = { ...TRAINING, lr_scheduler_type: 'constant' as const };
    const { run } = await runToEnd(config(folder, { training: { ...constant, max_steps: 10 } }));
    await expect(continueRun(run.folder, ownConfig(run.folder))).rejects.toThrow('is finished');
    const longer = await resume(run.folder, ownConfig(run.folder, ['training.max_steps=16']));
    expect(longer.result?.status).toBe('succeeded');
    const whole = temporaryFolder();
    writePairs(whole);
    const { run: other } = await runToEnd(config(whole, { training: constant }));
    expect(resultOf(run.folder)['adapter']).toEqual(resultOf(other.folder)['adapter']);
  });
});

describe('what is recorded of a run that goes on', () => {
  const onGpu = (): Backend => {
    const backend = createMemoryBackend();
    return { ...backend, info: async (options) => ({ ...(await backend.info(options)), device: 'cuda:0' }) };
  };
  const half = { ...TRAINING, lr_scheduler_type: 'constant' as const, max_steps: 8 };
  const begun = async (training: RunConfigInput['training'], backend = onGpu()): Promise<string> => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run, error } = await runToEnd(config(folder, { training }), { backend });
    expect(error).toBeUndefined();
    return run.folder;
  };
  const repeatable = async (run: string): Promise<unknown> => (await readRun(run)).record.training?.repeatable;
  const further = async (run: string, backend: Backend): Promise<unknown> => {
    await resume(run, ownConfig(run, ['training.max_steps=12']), { backend });
    return repeatable(run);
  };

  it('it can be had again bit for bit only if every part of it can', async () => {
    const rounding = await begun(half);
    expect(await repeatable(rounding)).toBe('up to rounding');
    expect(await further(rounding, createMemoryBackend())).toBe('up to rounding');
    const exact = await begun({ ...half, deterministic: true });
    expect(await repeatable(exact)).toBe('bit for bit');
    expect(await further(exact, onGpu())).toBe('bit for bit');
    const moved = await begun(half, createMemoryBackend());
    expect(await repeatable(moved)).toBe('bit for bit');
    expect(await further(moved, onGpu())).toBe('up to rounding');
  });
});

describe('what is another run', () => {
  const refused = async (change: (folder: string) => LoadedConfig | undefined): Promise<string> => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(config(folder), { backend: diesAtCommit(7) });
    const changed = change(folder) ?? ownConfig(run.folder);
    const started = continueRun(run.folder, changed, { backend: createMemoryBackend(), cache: temporaryCache() });
    const message = await started.then(
      (again) => again.result.then(String, (thrown: unknown) => (thrown as MrpoError).message),
      (thrown: unknown) => (thrown as MrpoError).message,
    );
    return message;
  };

  it.each([
    ['objective.beta', { objective: { weights: 'tsw', beta: 0.2 } }, 'objective.beta: the checkpoint has 0.1, now 0.2'],
    [
      'learning rate',
      { training: { ...TRAINING, learning_rate: 1 } },
      'training.learning_rate: the checkpoint has 0.02',
    ],
    ['adapter', { policy: { model: 'toy:policy', lora: { r: 2 } } }, 'policy.lora.r: the checkpoint has 8, now 2'],
  ] as const)('%s is refused by its name, before anything is changed', async (_name, change, expected) => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(config(folder), { backend: diesAtCommit(7) });
    const before = readFileSync(join(run.folder, 'config.yaml'), 'utf8');
    const other = config(folder, change);
    await expect(continueRun(run.folder, other, { cache: temporaryCache() })).rejects.toThrow(expected);
    expect(readFileSync(join(run.folder, 'config.yaml'), 'utf8')).toBe(before);
    expect((await resume(run.folder)).result?.status).toBe('succeeded');
  });

  it('another policy, reference or pair is refused by its name', async () => {
    const models = (policy: string, other: string) => (folder: string) =>
      config(folder, {
        policy: { model: policy },
        references: [
          { name: 'self', model: 'policy' },
          { name: 'other', model: other },
        ],
      });
    expect(await refused(models('toy:another', 'toy:other'))).toContain('policy: another weights');
    expect(await refused(models('toy:policy', 'toy:third'))).toContain('reference other: another weights');
    expect(
      await refused((folder) => {
        const file = join(folder, 'pairs.jsonl');
        writeFileSync(file, readFileSync(file, 'utf8').replace('What is 5 plus two?', 'What is five?'));
        return undefined;
      }),
    ).toMatch(/data: other (training|held-out) pairs \(of the same number\)/);
  });

  it('so are other scores of the same pairs, however they came', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(config(folder), { backend: diesAtCommit(7) });
    const again = await resume(run.folder, undefined, { cache: await cacheOf(folder, 2) });
    expect((again.error as MrpoError).message).toMatch(
      /reference other: other scores of the same pairs \(.*line \d+: /,
    );
    expect((await resume(run.folder)).result?.status).toBe('succeeded');
    expect(resultOf(run.folder)).toEqual(await undisturbed());
  });

  it('a backend that reads pairs otherwise by now has its own scores in force, and the run goes on', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run } = await runToEnd(config(folder), { backend: diesAtCommit(7) });
    const cache = temporaryCache();
    const first = await resume(run.folder, undefined, { backend: readsOtherwise(diesAtCommit(12)), cache });
    expect(first.error).toMatchObject({ reason: 'died' });
    expect(notesOf(first.events)).toContainEqual(expect.stringContaining('some pairs are read otherwise than before'));
    const { error } = await resume(run.folder, undefined, { backend: readsOtherwise(createMemoryBackend()), cache });
    expect(error).toBeUndefined();
    const anew = await runToEnd(config(temporaryFolder(), { data: { train: join(folder, 'pairs.jsonl'), eval: 8 } }), {
      backend: readsOtherwise(createMemoryBackend()),
    });
    expect(referencesOf(run.folder)).toEqual(referencesOf(anew.run.folder));
  });

  it('a run that another process works on is left to it', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const attempts: Promise<unknown>[] = [];
    const { run } = await runToEnd(config(folder), {
      onEvent: (event, { folder: path }) => {
        if (event.type === 'step' && event.step === 2) {
          attempts.push(continueRun(path, ownConfig(path)).catch((thrown: unknown) => (thrown as MrpoError).message));
        }
      },
    });
    expect(await attempts[0]).toContain('works on this run');
    expect(resultOf(run.folder)).toEqual(await undisturbed());
  });
});

describe('a backend that fails in the middle', () => {
  it('is recovered from by the run itself, told and recorded', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { run, result, events } = await runToEnd(config(folder), { backend: diesAtCommit(8, 'failed', 2) });
    expect(result?.status).toBe('succeeded');
    expect(resultOf(run.folder)).toEqual(await undisturbed());
    expect(events.filter(({ type }) => type === 'recovery')).toMatchObject([{ pauseSeconds: 1 }, { pauseSeconds: 2 }]);
    const { record } = await readRun(run.folder);
    expect(record.attempts.map(({ kind, fromStep }) => [kind, fromStep])).toEqual([
      ['start', 0],
      ['recovery', 7], // what was committed is kept when the backend still stands
      ['recovery', 7],
    ]);
  }, 20_000);

  it('ends the run when it fails at the same step again and again', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const { error, events, run } = await runToEnd(config(folder), { backend: diesAtCommit(8, 'failed') });
    expect((error as MrpoError).message).toContain('failed at step 8');
    expect(notesOf(events).join('\n')).toContain('it has failed 3 times after step 7');
    expect((await resume(run.folder)).result?.status).toBe('succeeded');
    expect(resultOf(run.folder)).toEqual(await undisturbed());
  }, 20_000);
});

describe('the best evaluation', () => {
  it('is the result where that is wanted, and ends a run that gets no better', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const rising = { ...TRAINING, learning_rate: 2, epochs: 4, eval_steps: 1, load_best_model_at_end: true } as const;
    const training = {
      ...rising,
      lr_scheduler_type: 'constant',
      early_stopping_patience: 3,
      save_steps: 100,
      metric_for_best_model: 'accuracies/per_token',
    } as const;
    const { run, events, error } = await runToEnd(config(folder, { training, objective: { weights: 'uniform' } }));
    expect(error).toBeUndefined();
    const shares = events.flatMap((event) =>
      event.type === 'evaluation' ? [event.measures['accuracies/per_token'] ?? NaN] : [],
    );
    const best = shares.slice(1).indexOf(Math.max(...shares.slice(1))) + 1;
    expect(shares).toHaveLength(1 + best + 3);
    const { record } = await readRun(run.folder);
    expect(record.evaluation?.afterStep).toBe(best);
    expect(record.evaluation?.after['accuracies/per_token']).toBe(shares[best]);
    expect(notesOf(events).join('\n')).toContain('stopped early');
  });

  it('must be one that is measured', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const training = { ...TRAINING, early_stopping_patience: 1, metric_for_best_model: 'accuracy' };
    const { error } = await runToEnd(config(folder, { training }));
    expect((error as MrpoError).message).toContain('accuracy is not measured');
  });
});

it('a run that diverges goes back to its last good checkpoint with half the learning rate', async () => {
  const folder = temporaryFolder();
  writePairs(folder);
  const rates: number[] = [];
  const diverging = failingBackend((trainer) => ({
    commit: async (request) => {
      const done = await trainer.commit(request);
      rates[request.step] = request.learningRate;
      return request.step >= 7 && request.learningRate > 0.015 ? { ...done, skipped: true } : done;
    },
  }));
  const training = { ...TRAINING, lr_scheduler_type: 'constant', on_divergence: 'restore' } as const;
  const { result, events } = await runToEnd(config(folder, { training }), { backend: diverging });
  expect(result?.status).toBe('succeeded');
  expect(events.filter(({ type }) => type === 'resumed' || type === 'recovery')).toMatchObject([
    { type: 'recovery', reason: expect.stringContaining('diverged') as string },
    { type: 'resumed', step: 6 },
  ]);
  expect(rates.slice(5)).toEqual([0.02, 0.02, ...new Array<number>(10).fill(0.01)]);
});

it('a run whose time is over stops with a checkpoint', async () => {
  const folder = temporaryFolder();
  writePairs(folder);
  const training = { ...TRAINING, epochs: 2000, max_seconds: '1s' };
  const { result, run } = await runToEnd(config(folder, { training }));
  const { record, folder: stored } = await readRun(run.folder);
  expect(result?.status).toBe('cancelled');
  expect(record.reason).toBe('training.max_seconds (1s) is over');
  expect((await listCheckpoints(stored))[0]?.step ?? 0).toBe(record.training?.steps ?? 0);
});
