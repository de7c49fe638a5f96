/**
 * What Prometheus asks for. Calls are counted where the audit log hears of them; everything about runs is read from the
 * index at the moment of asking, so that a service that comes back says the same as before.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditLog } from './access/audit.js';
import type { Conductor } from './conductor.js';
import { FAILURE_CLASSES, RUN_STATES } from './journal/line.js';
import type { BackendSlots } from './queue/slots.js';
import type { RunIndex } from './store/run-index.js';

/** Seconds; calls are to be answered within 50 ms. */
const CALL_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 60];

/** What is measured of the parts of a service. */
export interface TelemetrySources {
  readonly index: RunIndex;
  readonly conductor: Pick<Conductor, 'busy' | 'health'>;
  readonly backends: readonly BackendSlots[];
}

/** Counts calls, and writes it all down in Prometheus' text format. */
export interface Telemetry {
  /** The same log; what is written is counted too. */
  counted(audit: AuditLog): AuditLog;
  /** Text format 0.0.4. */
  text(sources: TelemetrySources): Promise<string>;
}

/** Metrics of one service; several in a process do not mix. */
export function createTelemetry(): Telemetry {
  const registry = new Registry();
  const registers = [registry];
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames, registers });
  const calls = new Counter({
    name: 'mrpo_calls_total',
    help: 'Calls that have ended, by method and outcome: ok, gone (the caller left), or the reason of the refusal.',
    labelNames: ['method', 'outcome'] as const,
    registers,
  });
  const seconds = new Histogram({
    name: 'mrpo_call_duration_seconds',
    help: 'From the start of a call to its end; a watch lasts as long as somebody watches.',
    labelNames: ['method'] as const,
    buckets: CALL_BUCKETS,
    registers,
  });
  const runs = gauge('mrpo_runs', 'Runs by state.', 'state');
  const failures = gauge(
    'mrpo_failed_runs',
    'Failed runs by whose turn it is: user, data, resource, ...',
    'class',
    'reason',
  );
  const waiting = gauge('mrpo_queue_length', 'Runs that wait for a backend.');
  const slots = gauge('mrpo_backend_slots', 'Runs that a backend takes at once.', 'backend');
  const up = gauge('mrpo_backend_up', 'Whether a backend by address takes connections.', 'backend');
  const busy = gauge('mrpo_backend_slots_busy', 'Of these, at work.', 'backend');
  const perRun = {
    step: gauge('mrpo_run_step', 'Optimizer steps done, of runs at work.', 'run'),
    total: gauge('mrpo_run_steps', 'Optimizer steps in all; 0 = not known yet.', 'run'),
    loss: gauge('mrpo_run_loss', 'Of the newest step.', 'run'),
    time: gauge(
      'mrpo_run_step_seconds',
      'Time of the newest step: on the device, and in the seam around it.',
      'run',
      'part',
    ),
    tokens: gauge('mrpo_run_tokens_per_second', 'Of the newest step.', 'run'),
    memory: gauge(
      'mrpo_run_peak_memory_bytes',
      'Highest use so far: of the device, or of the process on a CPU.',
      'run',
    ),
  };

  function look({ index, conductor, backends }: TelemetrySources): void {
    for (const measured of [failures, ...Object.values(perRun)]) measured.reset();
    for (const state of RUN_STATES) runs.set({ state }, index.count(state));
    for (const { view } of index.inStates(['FAILED'])) {
      const { class: kind, reason } = view.failure ?? { class: FAILURE_CLASSES[4], reason: 'unknown' };
      failures.inc({ class: kind, reason });
    }
    const open = index.inStates(['PENDING', 'PREPARING', 'RUNNING', 'RECOVERING', 'CANCELLING']);
    waiting.set(open.filter(({ view }) => !view.working).length);
    const atWork = conductor.busy();
    for (const { address, slots: number } of backends) {
      slots.set({ backend: address }, number);
      up.set({ backend: address }, conductor.health.isAway(address) ? 0 : 1);
      busy.set({ backend: address }, atWork.filter((one) => one === address).length);
    }
    for (const { order, view } of open.filter((run) => run.view.working)) {
      const run = order.id;
      const of = (name: string): number => view.measures[name] ?? NaN;
      perRun.step.set({ run }, view.step);
      perRun.total.set({ run }, view.totalSteps);
      if (view.step === 0) continue;
      perRun.loss.set({ run }, of('loss'));
      perRun.tokens.set({ run }, of('tokens_per_second'));
      perRun.memory.set({ run }, of('peak_memory_bytes'));
      perRun.time.set({ run, part: 'device' }, of('device_seconds'));
      perRun.time.set({ run, part: 'seam' }, Math.max(0, of('step_seconds') - of('device_seconds')));
    }
  }

  return {
    counted: (audit) => ({
      ...audit,
      write(entry) {
        calls.inc({ method: entry.method, outcome: entry.outcome });
        seconds.observe({ method: entry.method }, entry.ms / 1000);
        audit.write(entry);
      },
    }),
    text(sources) {
      look(sources);
      return registry.metrics();
    },
  };
}
