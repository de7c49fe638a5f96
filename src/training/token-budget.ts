/**
 * How many tokens of a step are on the device together. Running out of memory halves it; after steps that went well it
 * grows back, because what took the memory (another process, a longer pair) may be gone. A growth that fails makes the next one wait
 * longer.
 */
export interface TokenBudgetState {
  readonly tokens: number;
  /** What it grows back to: where it began. */
  readonly ceiling: number;
  /** Steps that went well since it last changed. */
  readonly goodSteps: number;
  /** Good steps before it grows. */
  readonly wait: number;
  /** Whether the last change was a growth. */
  readonly grown: boolean;
}

const FIRST_WAIT = 50;
const LONGEST_WAIT = 1600;

/** The budget before the first step: `tokens`, which is also what it grows back to. */
export const startBudget = (tokens: number): TokenBudgetState => ({
  tokens,
  ceiling: tokens,
  goodSteps: 0,
  wait: FIRST_WAIT,
  grown: false,
});

/** The budget after a step that ended with `held` tokens together: as many as it began with, or fewer after faults. */
export function budgetAfterStep(budget: TokenBudgetState, held: number): TokenBudgetState {
  if (held < budget.tokens) {
    const wait = budget.grown ? Math.min(2 * budget.wait, LONGEST_WAIT) : budget.wait;
    return { ...budget, tokens: held, goodSteps: 0, wait, grown: false };
  }
  if (budget.tokens === budget.ceiling) return budget;
  const goodSteps = budget.goodSteps + 1;
  if (goodSteps < budget.wait) return { ...budget, goodSteps };
  return { ...budget, tokens: Math.min(2 * budget.tokens, budget.ceiling), goodSteps: 0, grown: true };
}
