/**
 * When a run keeps a checkpoint, and which ones it keeps. The trainer's state is copied between two steps and written
 * while the next steps run; one at a time. An older one goes only when the newer is proved readable.
 */
import type { CheckpointCopy, Trainer } from '../backend/backend.js';
import { rhythmOf } from '../config/duration.js';
import type { TrainingConfig } from '../config/index.js';
import { toMrpoError } from '../core/errors.js';
import { listCheckpoints, removeCheckpoint, writeCheckpoint } from '../store/checkpoints.js';
import type { RunFolder } from '../store/run-folder.js';
import type { StepBoundary } from './record-training.js';
import type { ResumableState } from './run-state.js';

/** Decides at each step boundary whether the run keeps a checkpoint. */
export interface CheckpointWriter {
  /** At a step boundary: keeps a checkpoint if one is due, or if the policy is the best so far and that one is wanted. */
  boundary(at: Pick<StepBoundary, 'isBest' | 'training'>, state: () => Promise<ResumableState>): Promise<void>;
  /** Keeps one in any case, unless this very state is kept already, and waits until all is on the disk. */
  last(state: () => Promise<ResumableState>): Promise<void>;
  /** Waits for what is being written; never throws. */
  settle(): Promise<void>;
}

/** Where checkpoints go, and which settings say when. */
export interface CheckpointWriterOptions {
  readonly folder: RunFolder;
  readonly trainer: Trainer;
  readonly training: TrainingConfig;
  /** Of the checkpoint that the run goes on from. */
  readonly resumed?: { readonly step: number; readonly evaluated: boolean } | undefined;
  /** Called with a sentence for the user when a checkpoint could not be written; the run continues. */
  readonly note: (message: string) => void;
}

/** `training.save_steps: off` makes one that keeps nothing. */
export function createCheckpointWriter(options: CheckpointWriterOptions): CheckpointWriter {
  const { folder, trainer, training, note } = options;
  const { save_steps, save_total_limit, load_best_model_at_end } = training;
  const rhythm = save_steps === 'off' ? undefined : rhythmOf(save_steps);
  let savedAt = performance.now();
  let saved = options.resumed ?? { step: 0, evaluated: false };
  let writing = Promise.resolve();

  const isKept = (step: number, evaluated: boolean): boolean => saved.step === step && saved.evaluated === evaluated;

  async function save(state: ResumableState): Promise<void> {
    const { step } = state.training;
    await writing;
    const { pieces } = await trainer.saveCheckpoint(step);
    savedAt = performance.now();
    writing = write(state, pieces).catch((thrown: unknown) =>
      note(`the checkpoint of step ${step} could not be written: ${toMrpoError(thrown).message}`),
    );
  }

  async function write(state: ResumableState, pieces: CheckpointCopy['pieces']): Promise<void> {
    const { step, evaluated } = state.training;
    await writeCheckpoint(folder, step, pieces, state);
    saved = { step, evaluated };
    await dropOld(folder, save_total_limit, state.recording.best?.step);
  }

  return {
    async boundary({ isBest, training: { step, evaluated } }, state) {
      if (rhythm === undefined || isKept(step, evaluated)) return;
      const due =
        'steps' in rhythm ? step % rhythm.steps === 0 : (performance.now() - savedAt) / 1000 >= rhythm.seconds;
      if (due || (isBest && load_best_model_at_end)) await save(await state());
    },
    async last(state) {
      if (rhythm === undefined) return;
      const now = await state();
      await writing;
      const { step, evaluated } = now.training;
      if (step > 0 && !isKept(step, evaluated)) await save(now);
      await writing;
    },
    settle: () => writing,
  };
}

/** Keeps the newest `limit` steps and the best one. Of several checkpoints of a step, the later one counts. */
export async function dropOld(folder: RunFolder, limit: number, best: number | undefined): Promise<void> {
  const checkpoints = await listCheckpoints(folder);
  const steps = [...new Set(checkpoints.map(({ step }) => step))];
  const kept = new Set([...steps.slice(0, limit), best]);
  for (const [index, checkpoint] of checkpoints.entries()) {
    const isLater = checkpoints[index - 1]?.step === checkpoint.step;
    if (isLater || !kept.has(checkpoint.step)) await removeCheckpoint(folder, checkpoint);
  }
}
