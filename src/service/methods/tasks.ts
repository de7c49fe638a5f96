/** PlanRun, ScoreReferences, ReferenceReport, WhatIf: work on a spec in processes of their own. */
import type { RunConfig } from '../../config/index.js';
import { DEVICES, type Plan } from '../../planning/index.js';
import type { PlanRunResponse, Scored, ScoreReferencesResponse } from '../../gen/mrpo/runs/v1/runs.js';
import type { RunSpec } from '../../gen/mrpo/runs/v1/spec.js';
import { RunsFault } from '../fault.js';
import type { Context } from '../rpc/guard.js';
import { runTask } from '../worker/run-task.js';
import type { Task } from '../worker/task-lines.js';
import type { Service } from './service.js';
import { checkSpec } from './spec.js';

/** Memory and time of a run, before anything is loaded. */
export async function planOfSpec(
  service: Service,
  spec: RunSpec | undefined,
  device: string,
  call: Context,
): Promise<PlanRunResponse> {
  if (device !== '' && !Object.hasOwn(DEVICES, device)) throw unknownDevice(device);
  const plan = (await resultOf(service, taskFor(service, 'plan', spec, call, device), call)) as Plan;
  return {
    device: plan.device.name,
    deviceMemoryBytes: plan.device.memoryBytes,
    fits: plan.fits,
    memoryBytes: { ...plan.memory },
    trainPairs: plan.pairs.train,
    heldOutPairs: plan.pairs.held,
    steps: plan.steps,
    microBatchTokens: Math.round(plan.microBatchTokens),
    checkpointing: plan.checkpointing,
    secondsPerStep: plan.secondsPerStep,
    trainingSeconds: plan.trainingSeconds,
    evaluationSeconds: plan.evaluationSeconds,
    totalSeconds: plan.totalSeconds,
    scoringSeconds: Object.fromEntries(plan.scoring.map(({ reference, seconds }) => [reference, seconds])),
    trainableWeights: Math.round(plan.trainableWeights),
    basis: plan.device.basis,
  };
}

function unknownDevice(device: string): RunsFault {
  const known = Object.keys(DEVICES).join(', ');
  return new RunsFault('request_invalid', `device: got "${device.slice(0, 40)}", expected one of ${known}`, {
    fields: [{ field: 'device', description: `expected one of ${known}` }],
  });
}

/** What the cache says of a spec, as a plain object. */
export async function reportOf(
  service: Service,
  kind: 'report' | 'whatif',
  spec: RunSpec | undefined,
  call: Context,
): Promise<Record<string, unknown>> {
  return (await resultOf(service, taskFor(service, kind, spec, call), call)) as Record<string, unknown>;
}

/**
 * Scores references into the cache on all backends that are idle: each has some of the references, and where there are
 * more backends than references, several share the pairs of one, for as long as there are some to share.
 */
export async function* scoreSpecReferences(
  service: Service,
  spec: RunSpec | undefined,
  call: Context,
): AsyncGenerator<ScoreReferencesResponse> {
  const task = taskFor(service, 'score', spec, call);
  const borrowed = await service.conductor.borrow(task.config.references.length, call.signal);
  try {
    const parts = borrowed.map(({ backend }, i) => ({
      ...task,
      backend,
      config: part(task.config, i, borrowed.length),
    }));
    const [first = task] = parts;
    if (parts.length > 1) yield* merged(parts.map((one) => partOf(service, one, call)));
    // The whole, for what all references have in common: what is known by now is not scored again.
    yield* partOf(service, { ...first, config: task.config }, call, true);
  } finally {
    for (const { release } of borrowed) release();
  }
}

const part = (config: RunConfig, index: number, of: number): RunConfig => ({
  ...config,
  references: config.references.filter((_, i) => i % of === index),
});

async function* partOf(
  service: Service,
  task: Task,
  { signal }: Context,
  whole = false,
): AsyncGenerator<ScoreReferencesResponse> {
  for await (const message of runTask(task, service.env, signal, service.conductor.lender())) {
    if ('result' in message) {
      if (whole) yield { event: { $case: 'scored', value: message.result as Scored } };
    } else {
      const { what, done, total } = message.progress;
      const value = { phase: 'references', work: 'score', what, done, total, unit: 'pairs' };
      yield { event: { $case: 'progress', value } };
    }
  }
}

/** What several sources give, as it comes. */
async function* merged<T>(sources: readonly AsyncGenerator<T>[]): AsyncGenerator<T> {
  const next = (source: AsyncGenerator<T>) => source.next().then((result) => ({ source, result }));
  const open = new Map(sources.map((source) => [source, next(source)]));
  try {
    while (open.size > 0) {
      const { source, result } = await Promise.race(open.values());
      if (result.done === true) open.delete(source);
      else {
        open.set(source, next(source));
        yield result.value;
      }
    }
  } finally {
    for (const pending of open.values()) pending.catch(() => undefined);
    await Promise.all(sources.map((source) => source.return(undefined)));
  }
}

function taskFor(
  service: Service,
  kind: Task['kind'],
  spec: RunSpec | undefined,
  { caller, traceParent }: Context,
  device = '',
): Task {
  const { config } = checkSpec(service, spec, service.home.run('none').run, caller).loaded;
  return { kind, config, device, backend: service.backends[0]?.address ?? 'embedded', traceParent };
}

async function resultOf({ env, gate }: Service, task: Task, { signal }: Context): Promise<unknown> {
  const leave = await gate.enter(signal);
  try {
    for await (const message of runTask(task, env, signal)) if ('result' in message) return message.result;
    return undefined;
  } finally {
    leave();
  }
}
