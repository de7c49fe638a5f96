/** Runs of a service as a terminal shows them: one line each, and one for each event worth one. */
import type { ServiceEvent, ServiceRun } from '../service/client/values.js';
import { textTable } from './text-table.js';

/** A table, newest first. */
export function runsTable(runs: readonly ServiceRun[]): string {
  const rows = runs.map((run) => [
    run.id,
    run.state,
    run.progress.totalSteps > 0 ? `${run.progress.step}/${run.progress.totalSteps}` : '-',
    figure(run.measures['loss']),
    figure(run.evaluation['accuracies/per_token']),
    run.queuePosition > 0 ? `#${run.queuePosition}` : run.phase,
    run.tenant,
    run.createTime?.toISOString().slice(0, 16).replace('T', ' ') ?? '-',
  ]);
  return textTable(['run', 'state', 'step', 'loss', 'accuracy per token', 'phase', 'tenant', 'ordered (UTC)'], rows);
}

const figure = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(4));

/** One line; undefined for events that would only fill the screen. */
export function eventLine(event: ServiceEvent): string | undefined {
  switch (event.type) {
    case 'state':
      return `${event.state}${event.reason === '' ? '' : `: ${event.reason}`}${event.actor === 'service' ? '' : ` (${event.actor})`}`;
    case 'phase':
      return `  ${event.phase}`;
    case 'note':
      return `  ${event.message}`;
    case 'step':
      return `  step ${event.step}/${event.totalSteps}  loss ${figure(event.measures['loss'])}`;
    case 'evaluation':
      return `  step ${event.step}, held out: loss ${figure(event.measures['loss'])}, own-reward accuracy ${figure(event.measures['rewards/accuracies'])}`;
    case 'resumed':
      return `  going on behind step ${event.step}`;
    case 'recovery':
      return `  ${event.reason}`;
    case 'work':
    case 'unknown':
      return undefined;
  }
}
