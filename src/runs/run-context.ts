/** What every stage of a run needs, and how a stage is announced, timed and recorded. */
import type { BackendLender } from './scoring-helpers.js';
import type { Progress } from '../backend/backend.js';
import type { LoadedConfig } from '../config/index.js';
import type { LogpCache } from '../references/index.js';
import type { LossChoice } from './custom-loss.js';
import type { RunEvent } from '../store/events.js';
import type { RunRecordWriter } from '../store/run-record-writer.js';
import type { RunFolder } from '../store/run-folder.js';
import type { RunStage } from '../store/run-record.js';
import type { Trackers } from '../trackers/trackers.js';
import type { BackendChoice, OpenBackend, RenewBackend } from './with-backend.js';

/** The log-prob cache that some work uses. */
export interface CacheChoice {
  /** Of reference log-probs; it stays open. Default: the user's own, `$MRPO_CACHE_DIR` or `~/.cache/mrpo`. */
  readonly cache?: LogpCache | undefined;
}

/** Running backends beside that of a run. */
export interface HelpersChoice {
  /** Addresses of backends that score a part of the references, or who lends some. Default: none. */
  readonly scoringBackends?: readonly string[] | BackendLender | undefined;
}

/** What the preparation of training needs, with a run folder or without. */
export interface PrepareContext extends CacheChoice, LossChoice, HelpersChoice, Pick<BackendChoice, 'env'> {
  readonly loaded: LoadedConfig;
  readonly runRecord: Pick<RunRecordWriter, 'update' | 'stage'>;
  readonly open: OpenBackend;
  readonly emit: (event: RunEvent) => void;
  /** Fired: before training the run ends at once, in training at the next step boundary with a usable adapter. */
  readonly signal: AbortSignal;
}

/** What the stages of a run with a folder need. */
export interface RunContext extends PrepareContext {
  readonly folder: RunFolder;
  readonly runRecord: RunRecordWriter;
  readonly renew: RenewBackend | undefined;
  readonly trackers: Trackers;
  /** Whether the folder is that of a run that goes on. */
  readonly resumed: boolean;
}

/** Makes a progress listener for one model or file. */
export type ProgressOf = (what: string) => (progress: Progress) => void;

/** Runs one part of the run. */
export async function runStage<T>(
  { runRecord, emit }: PrepareContext,
  stage: RunStage,
  run: (progressOf: ProgressOf) => Promise<T>,
): Promise<T> {
  emit({ type: 'stage', stage });
  return runRecord.stage(stage, () =>
    run(
      (what) =>
        ({ stage: work, ...progress }) =>
          emit({ type: 'progress', stage, work, what, ...progress }),
    ),
  );
}
