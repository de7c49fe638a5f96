/** Runs and events as a program reads them: names in place of numbers, a type for every kind of event. */
import type { RunConfigInput } from '../../config/index.js';
import { ERROR_CODES } from '../../core/errors.js';
import * as pb from '../../gen/mrpo/runs/v1/runs.js';
import { FAILURE_CLASSES, RUN_STATES, type Failure, type RunState } from '../journal/line.js';
import { configOfSpec } from '../protocol/spec-message.js';

export type { RunState } from '../journal/line.js';

type Measures = Readonly<Record<string, number>>;

/** One run. */
export interface ServiceRun extends Omit<pb.Run, 'state' | 'failure' | 'spec' | 'resolvedSpec' | 'progress'> {
  readonly state: RunState;
  readonly progress: pb.RunProgress;
  readonly failure?: Failure | undefined;
  /** As it was ordered, and with every default applied; not in lists. */
  readonly spec?: RunConfigInput | undefined;
  readonly resolvedSpec?: RunConfigInput | undefined;
}

interface EventBase {
  /** 1, 2, 3, ... without gaps. */
  readonly seq: number;
  readonly time: Date;
  /** Of the run, with this event. */
  readonly state: RunState;
  readonly attempt: number;
}

/** One thing that happened to a run; `seq` counts its events from 1 without a gap. */
export type ServiceEvent = EventBase &
  (
    | {
        readonly type: 'state';
        readonly from: RunState;
        readonly reason: string;
        readonly actor: string;
        readonly failure?: Failure | undefined;
      }
    | { readonly type: 'phase'; readonly phase: string }
    | ({ readonly type: 'work' } & pb.WorkProgress)
    | { readonly type: 'note'; readonly message: string }
    | {
        readonly type: 'step';
        readonly step: number;
        readonly totalSteps: number;
        readonly epoch: number;
        readonly etaSeconds: number;
        readonly measures: Measures;
      }
    | { readonly type: 'evaluation'; readonly step: number; readonly epoch: number; readonly measures: Measures }
    | { readonly type: 'resumed'; readonly step: number }
    | { readonly type: 'recovery'; readonly reason: string; readonly pauseSeconds: number }
    /** Only for the service itself, or of a kind that a later one has: it counts in `seq`, and is to be passed over. */
    | { readonly type: 'unknown' }
  );

/** A message as a value; an absent one is a run without an id. */
export function runFrom(run: pb.Run | undefined): ServiceRun {
  const { state, failure, spec, resolvedSpec, progress, ...rest } = run ?? pb.Run.fromPartial({});
  return {
    ...rest,
    state: stateFrom(state),
    progress: progress ?? pb.RunProgress.fromPartial({}),
    failure: failure && failureFrom(failure),
    spec: spec && configOfSpec(spec),
    resolvedSpec: resolvedSpec && configOfSpec(resolvedSpec),
  };
}

/** A message as a value. */
export function eventFrom({ seq, time, state, attempt, kind }: pb.Event): ServiceEvent {
  const base = { seq, time: time ?? new Date(0), state: stateFrom(state), attempt };
  switch (kind?.$case) {
    case 'stateChange': {
      const { from, reason, actor, failure } = kind.value;
      return { ...base, type: 'state', from: stateFrom(from), reason, actor, failure: failure && failureFrom(failure) };
    }
    case 'phaseChange':
      return { ...base, type: 'phase', phase: kind.value.phase };
    case 'work':
    case 'note':
    case 'step':
    case 'evaluation':
    case 'resumed':
    case 'recovery':
      return { ...base, type: kind.$case, ...kind.value } as ServiceEvent;
    case undefined:
      return { ...base, type: 'unknown' };
  }
}

const STATES = new Map<pb.RunState, RunState>(RUN_STATES.map((name) => [pb.RunState[`RUN_STATE_${name}`], name]));

const stateFrom = (state: pb.RunState): RunState => STATES.get(state) ?? 'PENDING';

const failureFrom = ({ class: kind, reason, message, hint, retryable, code }: pb.Failure): Failure => ({
  class: FAILURE_CLASSES.find((name) => pb.FailureClass[`FAILURE_CLASS_${name}`] === kind) ?? 'CONTROL_PLANE',
  reason,
  message,
  hint: hint === '' ? undefined : hint,
  retryable,
  code: ERROR_CODES.find((known) => known === code),
});
