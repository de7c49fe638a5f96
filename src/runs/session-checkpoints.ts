/**
 * Checkpoints of a training in a loop of one's own: a run's format and a run's checks, in a folder of their own.
 *
 * | file               | what                                                   |
 * |--------------------|--------------------------------------------------------|
 * | checkpoints/       | states that a session can go on from                   |
 * | scores.safetensors | the references' log-probs that the training goes by    |
 */
import { mkdir } from 'node:fs/promises';
import type { Trainer } from '../backend/backend.js';
import { MrpoError } from '../core/errors.js';
import { checkpointPieces, setAsideBehind, sweepCheckpoints, writeCheckpoint } from '../store/checkpoints.js';
import { isRunFolder, runFolder, sweepTemporaries } from '../store/run-folder.js';
import { lockRun } from '../store/run-lock.js';
import { dropOld } from './checkpoint-writer.js';
import type { PreparedRun } from './prepare-run.js';
import { newestCheckpoint } from './resume-point.js';
import { goingOn, readOtherwise, requireSameRun } from './run-identity.js';
import { STATE_FORMAT, type ResumableState } from './run-state.js';
import { keepScores, keptScores, type RunPairs } from './scores-in-force.js';

/** The part of a run's state that a session has too. */
type SessionState = Pick<ResumableState, 'format' | 'identity' | 'training' | 'checkpointing' | 'scores'>;

/** The checkpoints of one session. */
export interface SessionCheckpoints {
  /** What the session goes on from; undefined where it begins. */
  readonly point: SessionState | undefined;
  /** Puts the checkpoint on the trainer. @returns the pairs with the log-probs that training goes by. */
  goOn(prepared: PreparedRun): Promise<RunPairs>;
  /** Notes the log-probs that a session begins with. */
  begin(pairs: RunPairs): Promise<void>;
  /** Keeps the state of a moment between two steps; older checkpoints than `limit` go. */
  save(prepared: PreparedRun, training: SessionState['training'], limit: number): Promise<void>;
  /** Waits for what is being written, and lets others use the folder. */
  close(): Promise<void>;
}

/**
 * Takes a folder for this process.
 * @throws MrpoError `usage` for the folder of a run, or one that another process works on.
 */
export async function openSessionCheckpoints(
  path: string,
  note: (message: string) => void,
): Promise<SessionCheckpoints> {
  const folder = runFolder(path);
  if (await isRunFolder(folder.path)) {
    throw new MrpoError('usage', `checkpoints: ${folder.path} is the folder of a run`, {
      hint: 'Name another folder, or go on with the run itself: resumeRun.',
    });
  }
  await mkdir(folder.path, { recursive: true });
  const lock = await lockRun(folder);
  try {
    sweepCheckpoints(folder);
    await sweepTemporaries(folder);
    const found = await newestCheckpoint(folder, note);
    await setAsideBehind(folder, found?.checkpoint);
    let scores = found?.state.scores ?? '';
    let writing: Promise<unknown> = Promise.resolve();

    const write = async (trainer: Trainer, state: SessionState, limit: number): Promise<void> => {
      const { step } = state.training;
      const { pieces } = await trainer.saveCheckpoint(step);
      await writeCheckpoint(folder, step, pieces, state);
      await dropOld(folder, limit, undefined);
    };
    return {
      point: found?.state,
      async goOn(prepared) {
        if (found === undefined) throw new Error('there is no checkpoint to go on from');
        requireSameRun(found.state.identity, prepared.identity).forEach(note);
        await prepared.trainer.loadCheckpoint(checkpointPieces(found.checkpoint));
        const otherwise = readOtherwise(found.state.identity, prepared.identity);
        return keptScores(folder.file('scores'), scores, prepared.examples, { ...prepared, otherwise });
      },
      async begin(pairs) {
        scores = await keepScores(folder.file('scores'), pairs);
      },
      async save({ identity: now, trainer }, training, limit) {
        const checkpointing = trainer.checkpointing as SessionState['checkpointing'];
        const identity = goingOn(found?.state.identity, now);
        const state: SessionState = { format: STATE_FORMAT, identity, training, checkpointing, scores };
        const saved = writing.then(() => write(trainer, state, limit));
        writing = saved.catch(() => undefined);
        await saved;
      },
      async close() {
        await writing;
        await lock.release();
      },
    };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}
