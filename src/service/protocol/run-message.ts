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

type RunFields = Parameters<typeof Run.fromPartial>[0];

/** Bytes of what does not change: of runs that have ended, whose view is the same object until something happens to them. */
const endedRuns = new WeakMap<RunView, { readonly seq: number; readonly bytes: Uint8Array }>();
const specs = new WeakMap<Order, Uint8Array>();

/** The message of a run. @param whole With the spec, as ordered and resolved. */
export const runMessage = (facts: RunFacts, whole: boolean, now = Date.now()): Run =>
  Run.fromPartial({ ...withoutSpec(facts, now), ...(whole && specsOf(facts.order)) });

/** The same, encoded. A message may come in pieces, one behind the other: each is encoded as seldom as it changes. */
export function encodedRun(facts: RunFacts, whole: boolean, now = Date.now()): Uint8Array {
  const run = isFinal(facts.view.state) ? encodedEnded(facts, now) : encode(withoutSpec(facts, now));
  return whole ? Buffer.concat([run, encodedSpecs(facts.order)]) : run;
}

function encodedEnded(facts: RunFacts, now: number): Uint8Array {
  const known = endedRuns.get(facts.view);
  if (known?.seq === facts.seq) return known.bytes;
  const bytes = encode(withoutSpec(facts, now));
  endedRuns.set(facts.view, { seq: facts.seq, bytes });
  return bytes;
}

function encodedSpecs(order: Order): Uint8Array {
  const known = specs.get(order);
  if (known !== undefined) return known;
  const bytes = encode(specsOf(order));
  specs.set(order, bytes);
  return bytes;
}

const encode = (run: RunFields): Uint8Array => Run.encode(Run.fromPartial(run)).finish();

const specsOf = ({ spec, resolved }: Order): RunFields => ({
  spec: specOfConfig(spec),
  resolvedSpec: specOfConfig(resolved),
});

function withoutSpec({ order, view, seq, queuePosition }: RunFacts, now: number): RunFields {
  const { step, totalSteps, epoch, etaSeconds, work, progressAt } = view;
  return {
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
  };
}

const dateOf = (at: number | undefined): Date | undefined => (at === undefined ? undefined : new Date(at));
