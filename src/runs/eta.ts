/** Seconds that training still needs, from a smoothed time per step: evaluations and odd steps do not make it jump. */
const SMOOTHING = 0.1;

/** Estimates the time left, in seconds. */
export interface Eta {
  /** Takes the time of the step just done and gives what the `left` steps after it will need. */
  after(stepSeconds: number, left: number): number;
}

/** Starts without a measured step. */
export function createEta(): Eta {
  let smoothed: number | undefined;
  return {
    after(stepSeconds, left) {
      smoothed = smoothed === undefined ? stepSeconds : smoothed + SMOOTHING * (stepSeconds - smoothed);
      return smoothed * left;
    },
  };
}
