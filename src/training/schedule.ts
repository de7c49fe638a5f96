/**
 * The learning rate of each optimizer step, as transformers' schedulers give it: a linear rise over the warm-up steps,
 * then constant, a straight line to 0, or half a cosine to 0.
 */
export interface Schedule {
  readonly kind: 'cosine' | 'linear' | 'constant';
  /** Learning rate after the warm-up. */
  readonly peak: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * The learning rate over the steps of a training.
 * @param warmupRatio Share of all steps with a rising learning rate; the number of steps is rounded up.
 */
export function createSchedule(
  kind: Schedule['kind'],
  peak: number,
  warmupRatio: number,
  totalSteps: number,
): Schedule {
  return { kind, peak, totalSteps, warmupSteps: Math.ceil(warmupRatio * totalSteps) };
}

/** Learning rate of optimizer step `step`, counted from 1. */
export function learningRateAt(schedule: Schedule, step: number): number {
  const { kind, peak, warmupSteps, totalSteps } = schedule;
  const done = step - 1;
  if (done < warmupSteps) return (peak * done) / warmupSteps;
  if (kind === 'constant') return peak;
  const progress = (done - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  const factor = kind === 'linear' ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress));
  return peak * Math.max(0, factor);
}
