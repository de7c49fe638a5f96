import { describe, expect, it } from 'vitest';
import { createSchedule, learningRateAt } from '../../src/training/schedule.js';

/** Printed by transformers 5.18 (get_*_schedule_with_warmup, peak 2e-4, 10 steps, 3 of them warm-up). */
const TRANSFORMERS = {
  cosine: [
    0, 6.666666666666667e-5, 1.3333333333333334e-4, 2e-4, 1.900968867902419e-4, 1.6234898018587337e-4,
    1.2225209339563145e-4, 7.774790660436858e-5, 3.7651019814126654e-5, 9.903113209758096e-6,
  ],
  linear: [
    0, 6.666666666666667e-5, 1.3333333333333334e-4, 2e-4, 1.7142857142857143e-4, 1.4285714285714287e-4,
    1.1428571428571428e-4, 8.571428571428571e-5, 5.714285714285714e-5, 2.857142857142857e-5,
  ],
  constant: [0, 6.666666666666667e-5, 1.3333333333333334e-4, 2e-4, 2e-4, 2e-4, 2e-4, 2e-4, 2e-4, 2e-4],
} as const;

describe('learningRateAt', () => {
  it.each(Object.entries(TRANSFORMERS))('gives the rates of transformers for %s with warm-up', (kind, expected) => {
    const schedule = createSchedule(kind as keyof typeof TRANSFORMERS, 2e-4, 0.3, 10);
    expected.forEach((rate, index) => expect(learningRateAt(schedule, index + 1)).toBeCloseTo(rate, 16));
  });

  it('starts at the peak without warm-up and falls with a cosine', () => {
    const schedule = createSchedule('cosine', 2e-4, 0, 10);
    const rates = Array.from({ length: 10 }, (_, i) => learningRateAt(schedule, i + 1));
    expect(rates[0]).toBe(2e-4);
    expect(rates[5]).toBeCloseTo(1e-4, 16);
    expect(rates[9]).toBeCloseTo(4.8943483704846475e-6, 16);
  });

  it('rounds a share of warm-up steps up', () => {
    expect(createSchedule('linear', 1, 0.11, 10).warmupSteps).toBe(2);
  });
});
