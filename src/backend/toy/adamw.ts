/** AdamW (Loshchilov & Hutter, 2019) on one flat parameter vector, in the order of operations that torch uses. */

/** Decay of the two moments, in [0, 1), and the number added to the denominator. */
export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** Moments and number of updates, as a checkpoint keeps them; both lists have one entry per parameter. */
export interface AdamWState {
  readonly first: readonly number[];
  readonly second: readonly number[];
  readonly updates: number;
}

/** An optimizer bound to the parameters it moves. */
export interface AdamW {
  /** Moves the parameters in place. */
  update(gradient: Float64Array, learningRate: number, weightDecay: number): void;
  state(): AdamWState;
  restore(state: AdamWState): void;
}

/** An optimizer of `parameters`. `trains(i)` = false freezes parameter i. */
export function createAdamW(
  parameters: Float64Array,
  options: AdamWOptions,
  trains: (index: number) => boolean,
): AdamW {
  const { beta1, beta2, epsilon } = options;
  const [first, second] = [new Float64Array(parameters.length), new Float64Array(parameters.length)];
  let updates = 0;
  return {
    update(gradient, learningRate, weightDecay) {
      updates += 1;
      const [correction1, correction2] = [1 - beta1 ** updates, 1 - beta2 ** updates];
      for (let i = 0; i < parameters.length; i++) {
        if (!trains(i)) continue;
        const slope = gradient[i] ?? 0;
        const m = (first[i] = beta1 * (first[i] ?? 0) + (1 - beta1) * slope);
        const v = (second[i] = beta2 * (second[i] ?? 0) + (1 - beta2) * slope * slope);
        const decayed = (parameters[i] ?? 0) * (1 - learningRate * weightDecay);
        parameters[i] = decayed - (learningRate * (m / correction1)) / (Math.sqrt(v / correction2) + epsilon);
      }
    },
    state: () => ({ first: [...first], second: [...second], updates }),
    restore(state) {
      first.set(state.first);
      second.set(state.second);
      updates = state.updates;
    },
  };
}
