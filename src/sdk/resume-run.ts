/** Going on with a run from a program. */
import { join, resolve } from 'node:path';
import { loadConfig } from '../config/index.js';
import { continueRun as resume, RUN_FILES, type ContinueOptions as RunOptions, type Run } from '../runs/index.js';
import { loadAny, type ConfigSource } from './load-any.js';

/** What may differ from the run as it was started. */
export interface ResumeOptions extends RunOptions {
  /** Changes of what may change: `training.epochs=5`, `training.save_steps=100`. */
  readonly set?: readonly string[] | undefined;
  /** In place of the run's own configuration. What decides the result must be the same. */
  readonly config?: ConfigSource | undefined;
}

/**
 * Goes on with a run that was stopped, killed or has failed, as if nothing had happened.
 * @param folder The run folder, wherever it lies now.
 * @example
 * const run = await resumeRun('runs/mine', { set: ['training.epochs=5'] });
 * const { status } = await run.result;
 * @throws MrpoError `usage` if the run is finished or is being worked on, `config` for a change that is not possible,
 * or a run of a service.
 */
export async function resumeRun(folder: string, options: ResumeOptions = {}): Promise<Run> {
  const { set = [], config, ...start } = options;
  const loaded =
    config === undefined
      ? loadConfig({ file: join(resolve(folder), RUN_FILES.config), set, env: {}, cwd: resolve(folder) })
      : loadAny(config);
  return resume(resolve(folder), loaded, start);
}
