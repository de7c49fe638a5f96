/** A run as callers see it. */
import { outputFolder } from '../../config/index.js';
import { Run, RunState } from '../../gen/mrpo/runs/v1/runs.js';
import { isFinal, type RunView } from '../journal/fold.js';
import type { Order } from '../order.js';
import { failureOf, measuresOf } from './event-message.js';
import { specOfConfig } from './spec-message.js';

/** What the message of a run is made from. */
export interface RunFacts {
  readonly order: Order;
  readonly view: RunView;
  readonly seq: number;
  /** 1 = next; 0 = does not wait. */
  readonly queuePosition: number;
}

/** A run at work without progress for so long is stalled. A large model may take minutes to load. */
const STALL_MS = 10 * 60_000;

/** Of runs that have ended, whose view is the same object until something happens to them. */
const ended = new WeakMap<RunView, Run>();

/** The message of a run; not to be changed. @param whole With the spec, as ordered and resolved. */
export function runMessage(facts: RunFacts, whole: boolean, now = Date.now()): Run {
  if (whole || !isFinal(facts.view.state)) return makeMessage(facts, whole, now);
  const known = ended.get(facts.view);
  if (known?.lastSeq === facts.seq) return known;
  const made = makeMessage(facts, whole, now);
  ended.set(facts.view, made);
  return made;
}

function makeMessage({ order, view, seq, queuePosition }: RunFacts, whole: boolean, now: number): Run {
  const { step, totalSteps, epoch, etaSeconds, work, progressAt } = view;
  return Run.fromPartial({
    id: order.id,
    state: RunState[`RUN_STATE_${view.state}`],
    phase: view.phase,
    progress: {
      step,
      totalSteps,
      epoch,
      etaSeconds,
      lastProgressTime: dateOf(progressAt),
      stalled: view.working && progressAt !== undefined && now - progressAt > STALL_MS,
      work,
    },
    failure: view.failure && failureOf(view.failure),
    reason: view.reason,
    labels: { ...order.labels },
    priority: order.priority,
    tenant: order.tenant,
    createdBy: order.createdBy,
    specHash: order.specHash,
    createTime: new Date(order.createdAt),
    startTime: dateOf(view.startedAt),
    endTime: isFinal(view.state) ? dateOf(view.endedAt) : undefined,
    attempt: view.attempt,
    lastSeq: seq,
    measures: measuresOf(view.measures),
    evaluation: measuresOf(view.evaluation),
    evaluationBefore: measuresOf(view.evaluationBefore),
    queuePosition,
    backend: view.backend,
    folder: outputFolder(order.resolved.output),
    ...(whole && { spec: specOfConfig(order.spec), resolvedSpec: specOfConfig(order.resolved) }),
  });
}

const dateOf = (at: number | undefined): Date | undefined => (at === undefined ? undefined : new Date(at));
