/**
 * Work beside runs, in a process of its own so that the service goes on answering: `node task.js` reads one task from
 * standard input and writes lines of JSON: any number of `progress`, then `result` or `error`. What it says of help on the
 * way is answered on standard input.
 */
import { createInterface } from 'node:readline';
import type { Backend } from '../../backend/backend.js';
import { loadConfig } from '../../config/index.js';
import type { RunConfig } from '../../config/index.js';
import { toMrpoError } from '../../core/errors.js';
import { loadData } from '../../data/index.js';
import { DEVICES, planConfig } from '../../planning/index.js';
import {
  cacheFile,
  createReferenceReport,
  exploreSettings,
  openLogpCache,
  readReferences,
  scoreReferences,
  unusablePairs,
  type LogpCache,
  type HelperPool,
} from '../../references/index.js';
import { helpersFrom } from '../../runs/scoring-helpers.js';
import { chooseBackend } from '../../runs/with-backend.js';
import type { PreferencePair } from '../../data/index.js';
import { traceCallsBelow } from '../../rpc/traced-calls.js';
import type { HelpAnswer } from '../journal/help.js';
import { startTracing } from '../tracing/start.js';
import { contextBelow } from '../tracing/trace-parent.js';
import { EMBEDDED } from './exit-codes.js';
import { failureOfError } from './failure.js';
import { lenderOver } from './lender.js';
import type { Task, TaskLine } from './task-lines.js';

const say = (line: TaskLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const heard: AsyncIterator<string, undefined> = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
/** The next line; none where the service is gone. */
const hear = async (): Promise<string | undefined> => (await heard.next()).value;

/** What comes behind the task: answers to what it has said of help. At its end the service is gone, and nobody waits. */
let onAnswer: (answer: HelpAnswer) => void = () => undefined;
async function hearAnswers(): Promise<void> {
  for (let text = await hear(); text !== undefined; text = await hear()) onAnswer(JSON.parse(text) as HelpAnswer);
  stop.abort();
}

const lender = lenderOver({
  say: (help) => say({ help }),
  hear(listener) {
    onAnswer = listener;
    return () => (onAnswer = () => undefined);
  },
});

async function work(task: Task, signal: AbortSignal): Promise<unknown> {
  const { kind, config: object, backend: address, device } = task;
  const { config, baseDir } = loadConfig({ object, env: {} });
  const chosen = chooseBackend({ signal, ...(address !== EMBEDDED && { backendAddress: address }) });
  const data = await loadData(config.data, {
    seed: config.training.seed,
    signal,
    hub: async function* (dataset, part) {
      yield* (await chosen.open()).readDataset(dataset, { signal, ...part });
    },
  });
  try {
    if (kind === 'plan') {
      return planConfig(config, { train: data.train, held: data.eval }, DEVICES[device]);
    }
    const cache = openLogpCache({ path: cacheFile(process.env) });
    const helpers = helpersFrom(lender, { signal });
    try {
      return await withCache(kind, {
        config,
        baseDir,
        cache,
        pairs: [...data.train, ...data.eval],
        open: chosen.open,
        helpers,
        signal,
      });
    } finally {
      await helpers.close();
      cache.close();
    }
  } finally {
    await chosen.close();
  }
}

interface CacheWork {
  readonly config: RunConfig;
  readonly baseDir: string;
  readonly cache: LogpCache;
  readonly pairs: readonly PreferencePair[];
  readonly open: () => Promise<Backend>;
  readonly helpers: HelperPool;
  readonly signal: AbortSignal;
}

async function withCache(kind: Exclude<Task['kind'], 'plan'>, given: CacheWork): Promise<unknown> {
  const { config, baseDir, cache, pairs, open, helpers, signal } = given;
  if (kind === 'score') {
    const scores = await scoreReferences({
      config,
      pairs,
      backend: await open(),
      helpers,
      cache,
      signal,
      onEvent: (event) => {
        if (event.kind === 'scored') say({ progress: { what: event.model, done: event.done, total: event.total } });
      },
    });
    return {
      pairs: pairs.length,
      usable: scores.usable.length,
      references: scores.references.map((reference) => ({
        name: reference.name,
        model: reference.source,
        ...reference.counts,
        unusable: unusablePairs(reference, pairs).length,
      })),
    };
  }
  const scores = await readReferences({ config, pairs, cache, startBackend: open, signal });
  if (kind === 'report') return createReferenceReport({ scores, pairs, objective: config.objective, baseDir });
  const { configuredOffsets: _, ...whatif } = await exploreSettings({ scores, pairs, objective: config.objective });
  return whatif;
}

const stop = new AbortController();
process.on('SIGTERM', () => stop.abort());
const tracing = await startTracing(process.env, 'mrpo-task', (line) => console.error(line));
try {
  const task = JSON.parse((await hear()) ?? '') as Task;
  traceCallsBelow(contextBelow(task.traceParent));
  void hearAnswers();
  say({ result: await work(task, stop.signal) });
} catch (thrown) {
  const error = toMrpoError(thrown);
  say({ error: { code: error.code, message: error.message, hint: error.hint, failure: failureOfError(error) } });
  process.exitCode = 1;
} finally {
  process.stdin.destroy(); // it would keep the process
  await tracing.shutdown();
}
