/** Evaluating from a program: a configuration's policy as it starts, or what a run trained. */
import { join, resolve } from 'node:path';
import { loadConfig } from '../config/index.js';
import {
  evaluateHeldOut,
  isRunFolder,
  readRun,
  RUN_FILES,
  trainedModel,
  type EvaluateRequest,
  type ModelEvaluation,
} from '../runs/index.js';
import { loadAny, type ConfigSource } from './load-any.js';

/** Backend, cache and loss of the caller's own, and a listener to progress. */
export type EvaluateOptions = Omit<EvaluateRequest, 'loaded'>;

/**
 * Measures of the policy of a configuration, before any training, on its held-out pairs.
 * @example
 * const { measures, pairs } = await evaluateModel('my-run.yaml');
 * console.log(pairs, measures['accuracies/per_token']); // share of pairs, 0 to 1
 * @throws MrpoError `config` for a configuration that is not valid or holds out no pairs, `data` for pairs that cannot
 * be read.
 */
export function evaluateModel(config: ConfigSource, options: EvaluateOptions = {}): Promise<ModelEvaluation> {
  return evaluateHeldOut({ ...options, loaded: loadAny(config) });
}

/**
 * Measures of what a run trained, on the held-out pairs of its configuration.
 * @param folder A run folder.
 * @example
 * const { measures, stepZero } = await evaluateRun('runs/mine');
 * console.log(stepZero?.['rewards/accuracies'], measures['rewards/accuracies']); // before and after training
 * @throws MrpoError `usage` if the folder is not that of a run, `config` if the run held out no pairs.
 */
export async function evaluateRun(folder: string, options: EvaluateOptions = {}): Promise<ModelEvaluation> {
  const run = await readRun(folder);
  // The run's own resolved configuration counts, and not today's environment.
  const loaded = loadConfig({ file: join(resolve(folder), RUN_FILES.config), env: {}, cwd: run.folder.path });
  const evaluation = await evaluateHeldOut({ ...options, loaded, policy: await trainedModel(run) });
  const before = run.record.evaluation?.before ?? {};
  return Object.keys(before).length === 0 ? evaluation : { ...evaluation, stepZero: before };
}

/** As {@link evaluateRun} for a run folder, as {@link evaluateModel} for a configuration file. */
export async function evaluate(source: string, options: EvaluateOptions = {}): Promise<ModelEvaluation> {
  return (await isRunFolder(source)) ? evaluateRun(source, options) : evaluateModel(source, options);
}
