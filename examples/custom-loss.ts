/**
 * A loss of one's own: a function of one pair's log-probs. Nothing in the Python backend changes.
 *
 *   npx tsx examples/custom-loss.ts                                       toy models in memory, a second
 *   objective: { loss: custom, module: ./examples/custom-loss.ts }        the same loss from a configuration file
 */
import { fileURLToPath } from 'node:url';
import { createMemoryBackend, type CustomLoss, type StartOptions, type StoredRun } from 'mrpo';
import { toyRun, train } from './train.js';

/** AdaBoost's exponential loss in place of DPO's logistic one, on the margin against the pooled references. */
const exponentialLoss: CustomLoss = ({ policy, virtual, beta }) => {
  const margin = beta * (policy.chosen - virtual.chosen - (policy.rejected - virtual.rejected));
  const loss = Math.exp(-margin);
  // d loss / d margin = -loss; a function that returns only the loss gets its gradient by finite differences.
  return { loss, gradChosen: -beta * loss, gradRejected: beta * loss };
};

export default exponentialLoss;

export const trainWithCustomLoss = (options: StartOptions = {}): Promise<StoredRun> =>
  train(toyRun(), { customLoss: exponentialLoss, ...options });

if (process.argv[1] === fileURLToPath(import.meta.url)) await trainWithCustomLoss({ backend: createMemoryBackend() });
