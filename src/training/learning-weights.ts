/** What reference weights learn from held-out pairs: before training (VDW, VAW), or from what a step improved (TSW). */
import { MrpoError } from '../core/errors.js';
import { eachSide } from '../core/sides.js';
import { seededRandom } from '../core/random.js';
import type { Objective } from '../objectives/objective.js';
import type { Evaluation } from './evaluate.js';
import { batchOf, everyPair, type Examples } from './examples.js';
import { seedFor } from './seeds.js';

/** The objective whose weights learn, and the held-out pairs that they learn from. */
export interface LearningContext {
  readonly objective: Objective;
  readonly heldOut: Examples;
  /** Evaluates the current policy on the held-out pairs, or on some of them. */
  readonly evaluate: (signal: AbortSignal | undefined, only?: readonly number[]) => Promise<Evaluation>;
}

/**
 * Fits VDW and VAW before training; does nothing for weights that learn nothing from held-out pairs.
 * @throws MrpoError `config` if the weights need held-out pairs and there are none.
 */
export function fitWeights({ objective, heldOut }: LearningContext): void {
  if (objective.fit === undefined && objective.reward === undefined) return;
  if (heldOut.size === 0) {
    throw new MrpoError(
      'config',
      `objective.weights of ${objective.name} learn from held-out pairs, and there are none`,
      {
        hint: 'Set data.eval to a share, a number of pairs or a file.',
      },
    );
  }
  const first = heldOut.references[0];
  if (objective.fit === undefined || first === undefined) return;
  // Only the references are looked at; the policy's columns may hold anything valid.
  objective.fit(
    batchOf(
      heldOut,
      everyPair(heldOut),
      eachSide((side) => first[side].logps),
    ),
  );
}

/** Held-out pairs that a step's reward is measured on. */
const REWARD_PAIRS = 128;

/** Measures before a step, and gives what to call after it. `undefined` for weights that want no reward. */
export async function startReward(
  { objective, heldOut, evaluate }: LearningContext,
  runSeed: number,
  step: number,
  signal?: AbortSignal,
): Promise<(() => Promise<void>) | undefined> {
  const reward = objective.reward?.bind(objective);
  if (reward === undefined) return undefined;
  const drawn = seededRandom(seedFor(runSeed, 'reward', step))
    .shuffle(everyPair(heldOut))
    .slice(0, REWARD_PAIRS);
  const accuracy = async (abort?: AbortSignal): Promise<number> =>
    (await evaluate(abort, drawn)).measures['accuracies/per_token'] ?? NaN;
  const before = await accuracy(signal);
  return async () => reward(before, await accuracy()); // the step has been taken: its reward is not given up
}
