/** A backend's answer for one pair, checked: what may be cached as log-probs and what makes the pair unusable. */

/**
 * A log-prob can come out above 0 by rounding alone, when a model is certain of a response: up to this many nats, the
 * accuracy that scoring promises, it counts as 0.
 */
const ROUNDING_NATS = 1e-4;

/** Finite numbers of at most 0, or NaN and a reason. */
export interface CheckedLogps {
  readonly chosen: number;
  readonly rejected: number;
  /** What is wrong, for people; undefined if nothing is. */
  readonly unusable: string | undefined;
}

/**
 * Decides whether two log-probs may be kept.
 * @param chosen Nats, summed over response tokens; likewise `rejected`.
 */
export function checkLogps(chosen: number, rejected: number): CheckedLogps {
  const problems = [problemOf('chosen', chosen), problemOf('rejected', rejected)].filter(
    (problem) => problem !== undefined,
  );
  if (problems.length > 0) return { chosen: NaN, rejected: NaN, unusable: problems.join('; ') };
  // Math.min would keep -0 and +0 apart for no use.
  return { chosen: chosen > 0 ? 0 : chosen, rejected: rejected > 0 ? 0 : rejected, unusable: undefined };
}

function problemOf(side: string, logp: number): string | undefined {
  if (!Number.isFinite(logp)) return `log-prob of the ${side} response is ${logp}`;
  if (logp > ROUNDING_NATS) return `log-prob of the ${side} response is ${logp}, above 0`;
  return undefined;
}
