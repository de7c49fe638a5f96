/** Starting a run from a program. */
import { beginRun as start, type Run, type StartOptions } from '../runs/index.js';
import { loadAny, type ConfigSource } from './load-any.js';

/**
 * Starts a run and resolves as soon as its folder exists.
 * @example
 * const run = await startRun('my-run.yaml');
 * for await (const event of run.events) if (event.type === 'step') console.log(event.step, event.measures.loss);
 * const { status } = await run.result;
 * @throws MrpoError `config` for a configuration that is not valid, or an output folder that is not empty.
 */
export async function startRun(config: ConfigSource, options: StartOptions = {}): Promise<Run> {
  return start(loadAny(config), options);
}
