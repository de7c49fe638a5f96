/** Runs straight from the folders below one: nothing can be ordered or stopped, everything can be seen. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { VERSION } from '../core/version.js';
import { pauseFor } from '../training/lost-connection.js';
import { isRunFolder, readRun, runFolder, type StoredRun } from '../store/run-folder.js';
import { PageError, type PageEvent, type PageSource, type RunSummary } from './source.js';

const DEPTH = 3;
/** Between two looks at a folder. */
const LOOK_MS = 500;

/**
 * Shows the runs of a folder; it can look and change nothing.
 * @param root A run folder, or a folder that holds run folders at most three levels down.
 */
export function folderSource(root: string): PageSource {
  const pathOf = async (id: string): Promise<string> => {
    const path = (await findRuns(root)).get(id);
    if (path === undefined) throw new PageError(404, `no run ${id}`);
    return path;
  };
  const get = async (id: string): Promise<RunSummary> => summaryOf(id, await readRun(await pathOf(id)));
  return {
    info: async () => ({ version: VERSION, role: 'read', controls: false }),
    async list() {
      const found = await Promise.allSettled(
        [...(await findRuns(root))].map(async ([id, path]) => summaryOf(id, await readRun(path))),
      );
      return found
        .flatMap((run) => (run.status === 'fulfilled' ? [run.value] : []))
        .sort((a, b) => b.createdAt.localeCompare(a.createdAt));
    },
    get: (_, id) => get(id),
    stored: async (_, id) => readRun(await pathOf(id)),
    metricsFile: async (_, id) => runFolder(await pathOf(id)).file('metrics'),
    async *follow(_, id, signal) {
      const path = await pathOf(id);
      for (let [seq, last] = [0, '']; !signal.aborted; await pauseFor(LOOK_MS, signal)) {
        const stored = await readRun(path);
        const run = summaryOf(id, stored);
        const events = eventsOf(stored).filter((event) => event.seq > seq);
        const now = JSON.stringify(run);
        if (now !== last || events.length > 0) yield { run, events };
        [seq, last] = [events.at(-1)?.seq ?? seq, now];
        if (run.ended) return;
      }
    },
    act: () =>
      Promise.reject(new PageError(405, 'runs are only looked at here', 'A service (mrpo serve) can stop them.')),
  };
}

/** Run folders by their path below the root, which is their id. */
async function findRuns(root: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const look = async (path: string, id: string, depth: number): Promise<void> => {
    if (await isRunFolder(path)) return void found.set(id, path);
    if (depth === 0) return;
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
    await Promise.all(folders.map(({ name }) => look(join(path, name), id === '' ? name : `${id}~${name}`, depth - 1)));
  };
  await look(root, '', DEPTH);
  const whole = found.get('');
  return whole === undefined ? found : new Map([['run', whole]]);
}

const ENDED = ['succeeded', 'failed', 'cancelled'];

function summaryOf(id: string, { record, metrics }: StoredRun): RunSummary {
  const steps = metrics.filter((line) => typeof line['loss'] === 'number');
  const evaluation = metrics.findLast((line) => Object.keys(line).some((name) => name.startsWith('eval_')));
  return {
    id,
    state: record.status.toUpperCase(),
    phase: record.stage,
    reason: record.reason,
    hint: record.hint,
    labels: {},
    step: Number(steps.at(-1)?.['step'] ?? 0),
    totalSteps: record.training?.totalSteps ?? record.plan?.steps ?? 0,
    etaSeconds: 0,
    stalled: false,
    work: '',
    queuePosition: 0,
    createdAt: record.createdAt,
    endedAt: record.finishedAt,
    measures: numbersOf(steps.at(-1), (name) => name),
    evaluation: numbersOf(evaluation, (name) => name.replace(/^eval_/, '')),
    verbs: [],
    ended: ENDED.includes(record.status),
  };
}

function numbersOf(
  line: Readonly<Record<string, unknown>> | undefined,
  rename: (name: string) => string,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(line ?? {}).flatMap(([name, value]) => (typeof value === 'number' ? [[rename(name), value]] : [])),
  );
}

/** A folder keeps no events; its record has what matters of them. */
function eventsOf({ record }: StoredRun): PageEvent[] {
  const events = [
    ...(record.attempts ?? []).map(({ kind, startedAt, reason, fromStep }) => ({
      time: startedAt,
      kind,
      text:
        kind === 'start'
          ? 'began'
          : `went on behind step ${fromStep}${reason === undefined ? '' : `, after: ${reason}`}`,
    })),
    ...(record.trackers ?? []).map(({ name, where, problem }) => ({
      time: record.finishedAt ?? record.createdAt,
      kind: 'note',
      text: `tracker ${name}: ${problem === undefined ? (where ?? 'not begun') : `failed (${problem})`}`,
    })),
    ...(record.finishedAt === undefined
      ? []
      : [{ time: record.finishedAt, kind: record.status, text: record.reason ?? record.status }]),
  ];
  return events.map((event, index) => ({ seq: index + 1, ...event }));
}
