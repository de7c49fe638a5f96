/** `training:` of a configuration: steps, optimizer, evaluation, checkpoints. */
import { z } from 'zod';
import { DURATION } from './duration.js';

const duration = z
  .union([z.number().positive(), z.string().regex(DURATION, 'expected seconds, or a time like 90s, 10min, 1.5h')])
  .describe('Seconds, or a time: 90s, 10min, 1.5h.');
const rhythm = z
  .union([z.int().min(1), z.string().regex(DURATION, 'expected a number of steps, or a time like 90s, 10min, 1.5h')])
  .describe('Steps, or a time: 90s, 10min, 1.5h.');

/** `training:` of a configuration. Batches are in pairs, micro-batches in tokens, times in seconds or with a unit. */
export const trainingSchema = z
  .strictObject({
    learning_rate: z.number().min(0).default(1e-5).describe('Peak learning rate.'),
    lr_scheduler_type: z
      .enum(['cosine', 'linear', 'constant'])
      .default('cosine')
      .describe('Course of the learning rate after warm-up.'),
    warmup_ratio: z.number().min(0).max(1).default(0).describe('Share of all steps with a rising learning rate.'),
    epochs: z.number().positive().default(3).describe('Passes over the training pairs.'),
    max_steps: z.int().min(1).optional().describe('Stop after this many optimizer steps whatever the epochs.'),
    batch_size: z.int().min(1).default(8).describe('Pairs per optimizer step, whatever the micro-batches.'),
    micro_batch_tokens: z
      .int()
      .min(1)
      .optional()
      .describe(
        'Tokens whose activations are in memory at once: one forward, or two of half the size. Default: by free memory.',
      ),
    optim: z
      .enum(['adamw', 'paged_adamw_8bit'])
      .default('adamw')
      .describe('Optimizer: AdamW, or its 8-bit paged form (bitsandbytes).'),
    adam_beta1: z.number().min(0).lt(1).default(0.9).describe('Decay of the first moment.'),
    adam_beta2: z.number().min(0).lt(1).default(0.999).describe('Decay of the second moment.'),
    adam_epsilon: z.number().positive().default(1e-8).describe('Added to the denominator.'),
    weight_decay: z.number().min(0).default(0).describe('Decoupled weight decay, per unit of learning rate.'),
    max_grad_norm: z.number().min(0).default(1).describe('Clip the gradient norm; 0 = never.'),
    eval_steps: rhythm
      .optional()
      .describe('Evaluate every so many steps, or so often (10min). Default: at the start and after each epoch.'),
    save_steps: z
      .union([rhythm, z.literal('off')])
      .default('10min')
      .describe('Keep a checkpoint every so many steps, or so often (10min); one at the end in any case. off: none.'),
    save_total_limit: z
      .int()
      .min(1)
      .default(2)
      .describe('Checkpoints that are kept: the newest, and the best one beside them if there is a best.'),
    metric_for_best_model: z
      .string()
      .min(1)
      .default('loss')
      .describe(
        'Measure of an evaluation that says which is best: loss (less is better) or any other (more is better).',
      ),
    load_best_model_at_end: z
      .boolean()
      .default(false)
      .describe('The result is the policy of the best evaluation, and not that of the last step.'),
    early_stopping_patience: z
      .int()
      .min(1)
      .optional()
      .describe('Stop after so many evaluations in a row that were not better than the best one. Default: never.'),
    max_seconds: duration
      .optional()
      .describe('Stop after this time, as on Ctrl-C, with a checkpoint: 3600, 55min, 11.5h. Default: never.'),
    on_divergence: z
      .enum(['stop', 'restore'])
      .default('stop')
      .describe(
        'When gradients are not finite several steps in a row: stop, or restore the last good checkpoint and go on at half the learning rate (3 times at most).',
      ),
    logging_steps: z.int().min(1).default(1).describe('Write training metrics every so many steps.'),
    deterministic: z
      .boolean()
      .default(false)
      .describe('Only kernels that give the same bits again. For GPUs, where a step takes 3 to 4 % longer.'),
    seed: z.int().min(0).default(0).describe('Of the split, the order, the adapter and dropout.'),
  })
  .prefault({});
