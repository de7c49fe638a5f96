/** The state of a run as a fold over its journal: the same lines give the same state, whenever they are read. */
import { foldHelp, type Help } from './help.js';
import { stepMeasures } from './step-measures.js';
import type { Asked, Failure, JournalLine, RunState } from './line.js';

/** What a user sees of a run. Times are milliseconds since 1970. */
export interface RunView {
  readonly state: RunState;
  /** Part of the run at work: "queue", a stage, or "done". */
  readonly phase: string;
  /** Why it is in this state, where there is something to say. */
  readonly reason: string;
  readonly failure?: Failure | undefined;
  /** Number of the attempt, from 1; 0 before the first. */
  readonly attempt: number;
  /** Whether an attempt has begun and not ended. */
  readonly working: boolean;
  /** What has been asked of the attempt at work, or of a run that waits. */
  readonly asked?: Asked | undefined;
  /** Address of the backend of the attempt at work; empty before the first. */
  readonly backend: string;
  /** Of an attempt that scores references: further backends that help it, and what it waits for. */
  readonly help?: Help | undefined;
  readonly createdAt: number;
  readonly startedAt?: number | undefined;
  readonly endedAt?: number | undefined;
  /** When the run was last heard of. */
  readonly progressAt?: number | undefined;
  /** Last optimizer step that was done. */
  readonly step: number;
  readonly totalSteps: number;
  /** Passes over the data so far: 0.25, 0.5, ... */
  readonly epoch: number;
  readonly etaSeconds: number;
  /** The long work of the stage in words; empty if there is none. */
  readonly work: string;
  /** Of the last step. */
  readonly measures: Measures;
  /** Of the last evaluation. */
  readonly evaluation: Measures;
  /** Of the evaluation before training. */
  readonly evaluationBefore: Measures;
  /** Attempts in a row that were lost without a step behind the last one that was reached before. */
  readonly lostInARow: number;
  /** Last step that any lost attempt had reached. */
  readonly furthestStep: number;
}

/** null: not finite. */
type Measures = Readonly<Record<string, number | null | undefined>>;

/** The view of a journal without lines. */
export const NEW_RUN: RunView = {
  state: 'PENDING',
  phase: 'queue',
  reason: '',
  attempt: 0,
  working: false,
  backend: '',
  createdAt: 0,
  step: 0,
  totalSteps: 0,
  epoch: 0,
  etaSeconds: 0,
  work: '',
  measures: {},
  evaluation: {},
  evaluationBefore: {},
  lostInARow: 0,
  furthestStep: 0,
};

const FINAL: readonly RunState[] = ['SUCCEEDED', 'FAILED', 'CANCELLED'];
/** Whether a run in this state has ended; it changes only when somebody resumes it. */
export const isFinal = (state: RunState): boolean => FINAL.includes(state);

/** Whether a run waits for a backend. */
export const isWaiting = (view: RunView): boolean =>
  !view.working && (view.state === 'PENDING' || view.state === 'RECOVERING');

/** How the journal goes on. A line of a kind that a later release writes changes nothing. */
export const fold = (view: RunView, line: JournalLine): RunView => after(view, line) ?? view;

function after(view: RunView, line: JournalLine): RunView | undefined {
  switch (line.type) {
    case 'ordered':
      return { ...view, createdAt: line.at };
    case 'asked':
      return asked(view, line.what, line.reason ?? '', line.at);
    case 'resumed-by':
      return { ...waiting(view, 'PENDING'), reason: '', failure: undefined, endedAt: undefined, lostInARow: 0 };
    case 'lost':
      return stopped(line.away ? view : countLoss(view), line.reason, line.at);
    case 'attempt':
      return {
        ...view,
        state: 'PREPARING',
        phase: 'start',
        reason: '',
        attempt: line.attempt,
        backend: line.backend,
        help: undefined,
        working: true,
        asked: undefined,
        startedAt: view.startedAt ?? line.at,
        progressAt: line.at,
      };
    case 'stage':
      return {
        ...advance(view, line.stage === 'train' ? 'RUNNING' : stateBeside(view), line.at),
        phase: line.stage,
        work: '',
      };
    case 'help-wanted':
    case 'lent':
    case 'recall':
    case 'returned':
    case 'help-over':
      return { ...view, help: foldHelp(view.help, line) };
    case 'progress':
      return { ...advance(view, view.state, line.at), work: workText(line) };
    case 'note':
      return view;
    case 'step':
      return {
        ...advance(view, 'RUNNING', line.at),
        step: line.step,
        totalSteps: line.totalSteps,
        epoch: line.epoch,
        etaSeconds: line.etaSeconds,
        measures: stepMeasures(line),
      };
    case 'evaluation':
      return {
        ...advance(view, view.state, line.at),
        evaluation: line.measures,
        ...(line.step === 0 && { evaluationBefore: line.measures }),
      };
    case 'resumed':
      return { ...advance(view, view.state, line.at), step: line.step };
    case 'recovery':
      return { ...advance(view, 'RECOVERING', line.at), reason: line.reason };
    case 'ended':
      return ended(view, line);
  }
}

const countLoss = (view: RunView): RunView => ({
  ...view,
  lostInARow: view.step > view.furthestStep ? 1 : view.lostInARow + 1,
  furthestStep: Math.max(view.step, view.furthestStep),
});

function asked(view: RunView, what: Asked, reason: string, at: number): RunView {
  if (!view.working) {
    if (what === 'suspend') return view;
    const state = what === 'pause' ? 'PAUSED' : 'CANCELLED';
    return { ...view, state, phase: 'done', reason, ...(what === 'cancel' && { endedAt: at }) };
  }
  // Who wants it to end for good is not overruled by who wants it to wait.
  if (view.asked === 'cancel') return view;
  return { ...view, asked: what, reason, ...(what === 'cancel' && { state: 'CANCELLING' }) };
}

/** Before training a run prepares; behind it, it writes what came out. */
const stateBeside = (view: RunView): RunState => (view.state === 'RUNNING' ? 'RUNNING' : 'PREPARING');

const advance = (view: RunView, state: RunState, at: number): RunView => ({
  ...view,
  state: view.state === 'CANCELLING' ? 'CANCELLING' : state,
  progressAt: at,
});

const waiting = (view: RunView, state: RunState): RunView => ({
  ...view,
  state,
  phase: 'queue',
  working: false,
  help: undefined,
  asked: undefined,
  work: '',
  etaSeconds: 0,
});

/** The attempt has stopped, because it was asked to or by itself: what was asked for decides what the run is now. */
function stopped(view: RunView, reason: string, at: number): RunView {
  switch (view.asked) {
    case 'pause':
      return { ...waiting(view, 'PAUSED'), phase: 'done', reason: view.reason };
    case 'cancel':
      return { ...waiting(view, 'CANCELLED'), phase: 'done', reason: view.reason, endedAt: at };
    case 'suspend':
    case undefined:
      return { ...waiting(view, 'RECOVERING'), reason };
  }
}

function ended(view: RunView, line: Extract<JournalLine, { type: 'ended' }>): RunView {
  const { outcome, reason = '', failure, at } = line;
  const over = { ...waiting(view, view.state), phase: 'done', reason, endedAt: at };
  switch (outcome) {
    case 'succeeded':
      return { ...over, state: 'SUCCEEDED' };
    case 'failed':
      return { ...over, state: 'FAILED', failure };
    case 'cancelled':
      return { ...over, state: 'CANCELLED' };
    case 'stopped':
      return stopped(view, reason, at);
  }
}

function workText({ work, what, done, total, unit }: Extract<JournalLine, { type: 'progress' }>): string {
  return `${work} ${what}: ${total > 0 ? `${done} of ${total}` : done} ${unit}`;
}
