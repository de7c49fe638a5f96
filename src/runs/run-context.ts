/** What every part of a run has at hand, and how a part is told, timed and recorded. */
import type { Progress } from '../backend/backend.js';
import type { LoadedConfig } from '../config/index.js';
import type { LogpCache } from '../references/index.js';
import type { LossChoice } from './custom-loss.js';
import type { RunEvent } from '../store/events.js';
import type { RunRecordWriter } from '../store/run-record-writer.js';
import type { RunFolder } from '../store/run-folder.js';
import type { RunStage } from '../store/run-record.js';
import type { OpenBackend, RenewBackend } from './with-backend.js';

export interface CacheChoice {
  /** Of reference log-probs; it stays open. Default: the user's own, `$MRPO_CACHE_DIR` or `~/.cache/mrpo`. */
  readonly cache?: LogpCache | undefined;
}

export interface RunContext extends CacheChoice, LossChoice {
  readonly loaded: LoadedConfig;
  readonly folder: RunFolder;
  readonly runRecord: RunRecordWriter;
  readonly open: OpenBackend;
  readonly renew: RenewBackend | undefined;
  /** Whether the folder is that of a run that goes on. */
  readonly resumed: boolean;
  readonly emit: (event: RunEvent) => void;
  /** Fired: before training the run ends at once, in training at the next step boundary with a usable adapter. */
  readonly signal: AbortSignal;
}

/** Makes a progress listener for one model or file. */
export type ProgressOf = (what: string) => (progress: Progress) => void;

/** Runs one part of the run. */
export async function runStage<T>(
  { runRecord, emit }: RunContext,
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
