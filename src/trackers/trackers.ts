/** All trackers of a run as one: what they get, and what became of each. */
import type { TrackerName } from '../config/index.js';
import { startTracker, type EndStatus, type TrackedRun, type TrackerProcess } from './tracker-process.js';

/** For `run.json` and the report. */
export interface TrackerFacts {
  readonly name: TrackerName;
  /** Where a person finds the run there; absent until the tracker has begun. */
  readonly where?: string | undefined;
  /** Why it was left. */
  readonly problem?: string | undefined;
}

/** All trackers of one run; every call goes to each of them. */
export interface Trackers extends TrackerProcess {
  readonly facts: readonly TrackerFacts[];
}

/** Which trackers, for which run. */
export interface TrackersOptions {
  readonly names: readonly TrackerName[];
  readonly run: TrackedRun;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Called with a sentence for the user. */
  readonly note: (message: string) => void;
  readonly endMs?: number | undefined;
}

/** Starts them all; one that cannot start is noted and left out. */
export function startTrackers({ names, run, env, note, endMs }: TrackersOptions): Trackers {
  const facts = new Map<TrackerName, TrackerFacts>(names.map((name) => [name, { name }]));
  const tell = (name: TrackerName, news: Omit<TrackerFacts, 'name'>, message: string): void => {
    facts.set(name, { ...facts.get(name), name, ...news });
    note(message);
  };
  const trackers = names.map((name) =>
    startTracker({
      name,
      run,
      env,
      endMs,
      onReady: (where) => {
        if (facts.get(name)?.where !== where) tell(name, { where }, `tracker ${name}: ${where}`);
      },
      onFailed: (problem) => tell(name, { problem }, `tracker ${name}: ${problem}; the run goes on without it`),
    }),
  );
  return {
    get facts() {
      return [...facts.values()];
    },
    begin: (metrics, bytes) => trackers.forEach((tracker) => tracker.begin(metrics, bytes)),
    line: (line) => trackers.forEach((tracker) => tracker.line(line)),
    end: async (status: EndStatus) => void (await Promise.all(trackers.map((tracker) => tracker.end(status)))),
  };
}
