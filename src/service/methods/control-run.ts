/** Pausing, going on, cancelling, deleting: asked twice is asked once. */
import type { CancelRunRequest, Run } from '../../gen/mrpo/runs/v1/runs.js';
import type { Caller } from '../access/tokens.js';
import { RunsFault } from '../fault.js';
import { isFinal } from '../journal/fold.js';
import type { RunState } from '../journal/line.js';
import type { IndexedRun } from '../store/run-index.js';
import { runMessageOf, ownRun, type Service } from './service.js';

/** Asks a run to stop at its next step until it is resumed. @throws RunsFault `wrong_state` for one that has ended. */
export function pauseRun(service: Service, id: string, caller: Caller): Run {
  const run = ownRun(service, id, caller);
  const { state, asked } = run.view;
  if (state === 'PAUSED' || asked === 'pause') return runMessageOf(service, run);
  if (isFinal(state) || state === 'CANCELLING')
    throw wrongState(run, 'paused', ['PENDING', 'PREPARING', 'RUNNING', 'RECOVERING']);
  return runMessageOf(service, service.conductor.ask(run, 'pause', caller.name));
}

/** Asks a run to end for good. @throws RunsFault `wrong_state` for one that has ended in another way. */
export function cancelRun(service: Service, { runId, reason, atOnce }: CancelRunRequest, caller: Caller): Run {
  const run = ownRun(service, runId, caller);
  const { state, asked } = run.view;
  if (state === 'CANCELLED') return runMessageOf(service, run);
  if (isFinal(state)) throw wrongState(run, 'cancelled', ['PENDING', 'PREPARING', 'RUNNING', 'PAUSED', 'RECOVERING']);
  const why = reason === '' ? `cancelled by ${caller.name}` : reason.slice(0, 500);
  const cancelling = asked === 'cancel' ? run : service.conductor.ask(run, 'cancel', caller.name, why);
  if (atOnce) service.conductor.endAtOnce(runId);
  return runMessageOf(service, cancelling);
}

/**
 * Puts a paused, cancelled or failed run back into the queue. @throws RunsFault `wrong_state` for any other that does
 * not work already.
 */
export function resumeOrdered(service: Service, id: string, caller: Caller): Run {
  const run = ownRun(service, id, caller);
  const { state, working } = run.view;
  if (state === 'PENDING' || (working && state !== 'CANCELLING' && run.view.asked === undefined))
    return runMessageOf(service, run);
  const may: readonly RunState[] = ['PAUSED', 'CANCELLED', 'FAILED'];
  if (working || !may.includes(state)) throw wrongState(run, 'gone on with', may);
  return runMessageOf(service, service.conductor.resume(run, caller.name));
}

/**
 * Removes a run that does not work; one that is not there is no error.
 * @throws RunsFault `wrong_state` for one that works or waits.
 */
export async function deleteRun(service: Service, id: string, caller: Caller): Promise<void> {
  const known = service.ledger.index.find(id);
  if (known === undefined) return;
  const run = ownRun(service, id, caller);
  if (run.view.working || !(isFinal(run.view.state) || run.view.state === 'PAUSED')) {
    throw wrongState(run, 'deleted', ['SUCCEEDED', 'FAILED', 'CANCELLED', 'PAUSED']);
  }
  await service.ledger.remove(run);
  service.conductor.tick();
}

function wrongState({ order, view }: IndexedRun, done: string, expected: readonly RunState[]): RunsFault {
  const waits = view.asked !== undefined && view.working ? `, asked to ${view.asked}` : '';
  return new RunsFault(
    'wrong_state',
    `run "${order.id}" is ${view.state}${waits}; it can be ${done} when it is ${expected.join(', ')}`,
    {
      details: { state: view.state },
    },
  );
}
