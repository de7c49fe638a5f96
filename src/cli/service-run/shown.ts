/** An event of a service as the display of a run shows it: what a local run would have said. */
import type { RunStage } from '../../sdk/index.js';
import type { ServiceEvent } from '../../service/client/values.js';
import type { ShownEvent } from '../run-display.js';

/** Undefined: nothing to show. @param run As an argument of `mrpo runs`. */
export function shownOf(event: ServiceEvent, run: string): ShownEvent | undefined {
  switch (event.type) {
    case 'phase':
      return { type: 'stage', stage: event.phase as RunStage };
    case 'work':
      return { ...event, type: 'progress', stage: event.phase as RunStage };
    case 'note':
    case 'step':
    case 'evaluation':
    case 'resumed':
    case 'recovery':
      return event;
    case 'state':
      return stateText(event, run);
    case 'unknown':
      return undefined;
  }
}

/** What only a service has to say; how a run ended is told by its result. */
function stateText(
  { state, reason, actor }: Extract<ServiceEvent, { type: 'state' }>,
  run: string,
): ShownEvent | undefined {
  const note = (message: string): ShownEvent => ({ type: 'note', message });
  if (state === 'PENDING') return note('waiting for a backend');
  if (state === 'PAUSED') return note(`paused by ${actor}; it waits to be resumed: mrpo runs resume ${run}`);
  if (state === 'RECOVERING') return note(reason);
  if (state === 'CANCELLING') return note('it stops at its next step');
  return undefined;
}
