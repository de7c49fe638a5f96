/**
 * A run from a program: start it, watch it, read what it left.
 *
 *   npx tsx examples/train.ts                  toy models in memory, a second
 *   npx tsx examples/train.ts my-run.yaml      your own models and pairs
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMemoryBackend, startRun, type ConfigSource, type StartOptions, type StoredRun } from 'mrpo';

/** A configuration as a value: the same keys as in a YAML file. */
export const toyRun = (): ConfigSource => ({
  policy: { model: 'toy:policy', lora: { r: 8, alpha: 16 } },
  references: [
    { name: 'self', model: 'policy' },
    { name: 'friend', model: 'toy:friend' },
  ],
  data: { train: fileURLToPath(new URL('pairs.jsonl', import.meta.url)), eval: 4 },
  objective: { loss: 'mrpo', beta: 0.1, clip: { mode: 'adaptive', epsilon_max: 0.1 }, weights: 'arwc' },
  training: { learning_rate: 0.02, epochs: 4, batch_size: 4 },
  output: mkdtempSync(join(tmpdir(), 'mrpo-example-')),
});

export async function train(config: ConfigSource, options: StartOptions = {}): Promise<StoredRun> {
  const run = await startRun(config, options);
  for await (const event of run.events) {
    if (event.type === 'note') console.log(event.message);
    if (event.type === 'step')
      console.log(`step ${event.step}/${event.totalSteps}  loss ${event.measures['loss']?.toFixed(4)}`);
    if (event.type === 'evaluation') console.log(`held out: margin ${event.measures['rewards/margins']?.toFixed(3)}`);
  }
  // Rejects if the run failed; run.json and report.html in the folder say why.
  const { run: finished } = await run.result;
  console.log(`report: ${run.reportPath}`);
  return finished;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const file = process.argv[2];
  await (file === undefined ? train(toyRun(), { backend: createMemoryBackend() }) : train(file));
}
