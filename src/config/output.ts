/** `output` of a configuration: the run folder, and the trackers that the run reports to. */
import { z } from 'zod';

/** Experiment trackers, by TRL's names. */
export const TRACKERS = ['tensorboard', 'mlflow', 'wandb', 'trackio'] as const;

/** Name of an experiment tracker. */
export type TrackerName = (typeof TRACKERS)[number];

const folder = z.string().min(1).describe('Run folder; must be new or empty.');

/** `output:` of a configuration: a folder, or an object with folder and trackers. */
export const outputSchema = z
  .union([
    folder,
    z.strictObject({
      folder: folder.default('runs/mrpo'),
      report_to: z
        .array(z.enum(TRACKERS))
        .default([])
        .describe(
          'Experiment trackers that get the metrics as they come: tensorboard, mlflow, wandb, trackio. Their packages are in requirements-trackers.txt. One that fails never stops a run.',
        ),
    }),
  ])
  .default('runs/mrpo')
  .describe('Run folder (new or empty), or an object with the folder and the trackers that the run reports to.');

/** The output, every default applied. */
export type OutputConfig = z.output<typeof outputSchema>;

/** The run folder of an output. */
export const outputFolder = (output: OutputConfig): string => (typeof output === 'string' ? output : output.folder);

/** The same output with another folder. */
export const withOutputFolder = (output: OutputConfig, path: string): OutputConfig =>
  typeof output === 'string' ? path : { ...output, folder: path };

/** Each tracker once, in the order in which they are named. */
export const trackersOf = (output: OutputConfig): readonly TrackerName[] =>
  typeof output === 'string' ? [] : [...new Set(output.report_to)];
