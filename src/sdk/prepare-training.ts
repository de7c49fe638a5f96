/** Training step by step from a program. */
import { openTrainingSession, type SessionOptions, type TrainingSession } from '../runs/index.js';
import { loadAny, type ConfigSource } from './load-any.js';

/**
 * Reads the pairs, scores the references (from the cache where they are known), loads the policy and its trainer. What
 * happens then is up to the caller; nothing is written unless `save` or `saveCheckpoint` is called. With `checkpoints`, a
 * program that was killed goes on where it saved last, to the same bytes.
 * @example
 * await using session = await prepareTraining('my-run.yaml', { learningRate: (step) => 1e-5 / Math.sqrt(step) });
 * for (let step = 1; step <= session.totalSteps; step++) console.log((await session.step()).measures.loss);
 * console.log((await session.evaluate()).measures['rewards/accuracies']);
 * @example
 * await using session = await prepareTraining('my-run.yaml', { checkpoints: 'my-session' }); // begins, or goes on
 * while (session.stepsDone < session.totalSteps) {
 *   const { step } = await session.step();
 *   if (step % 100 === 0) await session.saveCheckpoint();
 * }
 * @throws MrpoError `config` for settings that are not valid, `data` if no pair is left to train on.
 */
export async function prepareTraining(config: ConfigSource, options: SessionOptions = {}): Promise<TrainingSession> {
  return openTrainingSession(loadAny(config), options);
}
