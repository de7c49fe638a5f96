/** A line of the journal, and the state it leads to, as the event that watchers get. */
import { FailureClass, RunState, type Event, type Failure } from '../../gen/mrpo/runs/v1/runs.js';
import type { RunView } from '../journal/fold.js';
import { stepMeasures } from '../journal/step-measures.js';
import type { Failure as PlainFailure, JournalLine } from '../journal/line.js';

/** Event number `seq`: `before` and `after` are the states that the line lies between. */
export function eventOf(seq: number, line: JournalLine, before: RunView, after: RunView): Event {
  return {
    seq,
    time: new Date(line.at),
    state: RunState[`RUN_STATE_${after.state}`],
    attempt: after.attempt,
    kind: kindOf(line, before, after),
  };
}

function kindOf(line: JournalLine, before: RunView, after: RunView): Event['kind'] {
  switch (line.type) {
    case 'stage':
      return { $case: 'phaseChange', value: { phase: line.stage } };
    case 'progress': {
      const { stage: phase, work, what, done, total, unit } = line;
      return { $case: 'work', value: { phase, work, what, done: Math.round(done), total: Math.round(total), unit } };
    }
    case 'note':
      return { $case: 'note', value: { message: line.message } };
    case 'step': {
      const { step, totalSteps, epoch, etaSeconds } = line;
      return {
        $case: 'step',
        value: { step, totalSteps, epoch, etaSeconds, measures: measuresOf(stepMeasures(line)) },
      };
    }
    case 'evaluation':
      return {
        $case: 'evaluation',
        value: { step: line.step, epoch: line.epoch, measures: measuresOf(line.measures) },
      };
    case 'resumed':
      return { $case: 'resumed', value: { step: line.step } };
    case 'recovery':
      return { $case: 'recovery', value: { reason: line.reason, pauseSeconds: line.pauseSeconds } };
    case 'lost':
      return { $case: 'recovery', value: { reason: line.reason, pauseSeconds: 0 } };
    case 'help-wanted':
    case 'lent':
    case 'recall':
    case 'returned':
    case 'help-over':
      return undefined; // between the service and the process of the run
    case 'ordered':
    case 'asked':
    case 'resumed-by':
    case 'attempt':
    case 'ended':
      return {
        $case: 'stateChange',
        value: {
          from: RunState[`RUN_STATE_${before.state}`],
          reason: 'what' in line && line.what === 'pause' && after.working ? 'to be paused' : after.reason,
          actor: 'actor' in line ? line.actor : 'service',
          failure: after.failure && failureOf(after.failure),
        },
      };
  }
}

/** A failure as a message. */
export function failureOf({ class: kind, reason, message, hint = '', retryable, code }: PlainFailure): Failure {
  return { class: FailureClass[`FAILURE_CLASS_${kind}`], reason, message, hint, retryable, code: code ?? '' };
}

/** JSON has no NaN: what was none comes back as null. */
export function measuresOf(measures: Readonly<Record<string, number | null | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(measures).flatMap(([name, value]) => (value === undefined ? [] : [[name, value ?? Number.NaN]])),
  );
}
