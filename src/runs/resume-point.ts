/** Where a run can go on: its newest checkpoint that is as it was written. */
import type { RunConfig } from '../config/index.js';
import { toMrpoError } from '../core/errors.js';
import { listCheckpoints, readCheckpoint, readCheckpointState, type Checkpoint } from '../store/checkpoints.js';
import type { RunFolder } from '../store/run-folder.js';
import { requireSameSettings } from './run-identity.js';
import { asRunState, type ResumableState } from './run-state.js';

/** A checkpoint with the run's own part of it. */
export interface ResumePoint {
  readonly checkpoint: Checkpoint;
  readonly state: ResumableState;
}

/**
 * Nothing if the run has to begin again.
 * @param wanted Whether a checkpoint will do. Default: any.
 */
export async function newestCheckpoint(
  folder: RunFolder,
  note: (message: string) => void,
  wanted: (state: ResumableState) => boolean = () => true,
): Promise<ResumePoint | undefined> {
  for (const checkpoint of await listCheckpoints(folder)) {
    try {
      const state = asRunState(await readCheckpoint(checkpoint), checkpoint.path);
      if (wanted(state)) return { checkpoint, state };
    } catch (thrown) {
      note(`${toMrpoError(thrown).message}; an older one is looked for`);
    }
  }
  return undefined;
}

/** Before anything is changed or loaded. @throws MrpoError `config` if the newest checkpoint was made with other settings. */
export async function requireSettingsOfCheckpoint(folder: RunFolder, config: RunConfig): Promise<void> {
  for (const checkpoint of await listCheckpoints(folder)) {
    const state = await readCheckpointState(checkpoint).catch(() => undefined);
    if (state === undefined) continue; // reported when the run continues
    return requireSameSettings(asRunState(state, checkpoint.path).identity, config);
  }
}
