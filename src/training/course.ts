/** The course of a training: which pairs each step sees, and at which learning rate. */
import type { TrainingConfig } from '../config/index.js';
import { planTraining, type TrainingPlan } from './batches.js';
import { createSchedule, learningRateAt } from './schedule.js';

/** Batches and learning rates of all steps. */
export interface TrainingCourse extends TrainingPlan {
  /** Of a step from 1 to `totalSteps`. */
  learningRate(step: number): number;
}

/** Steps and learning rates of a training. @param pairs Pairs to train on. */
export function planCourse(training: TrainingConfig, pairs: number): TrainingCourse {
  const { batch_size: batchSize, epochs, max_steps: maxSteps, seed } = training;
  const plan = planTraining({ pairs, batchSize, epochs, maxSteps, seed });
  const { lr_scheduler_type, learning_rate, warmup_ratio } = training;
  const schedule = createSchedule(lr_scheduler_type, learning_rate, warmup_ratio, plan.totalSteps);
  return { ...plan, learningRate: (step) => learningRateAt(schedule, step) };
}
