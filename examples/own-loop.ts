/**
 * A training loop of one's own: the schedule is a function, and what happens between two steps is yours. For a loss of
 * your own, add `customLoss` as in custom-loss.ts.
 *
 *   npx tsx examples/own-loop.ts                            toy models in memory, a second
 *   npx tsx examples/own-loop.ts ./models/base              a model of yours, on the embedded Python backend
 */
import { fileURLToPath } from 'node:url';
import { createMemoryBackend, openBackend, prepareTraining, type Backend, type SessionOptions } from 'mrpo';

/** Trains a model against its own start with DPO, all pairs in every step. Returns the loss of each step. */
export async function ownLoop(backend: Backend, model: string, options: SessionOptions = {}): Promise<number[]> {
  const config = {
    policy: { model },
    data: { train: fileURLToPath(new URL('pairs.jsonl', import.meta.url)), eval: 4, max_length: 256 },
    objective: { loss: 'dpo', beta: 0.1 },
    training: { batch_size: 8, epochs: 10 },
  } as const;
  const learningRate = (step: number, total: number): number => 0.01 * (1 - (step - 1) / total);
  await using session = await prepareTraining(config, { backend, learningRate, ...options });
  const losses: number[] = [];
  for (let step = 1; step <= session.totalSteps; step++) {
    const { measures, gradNorm } = await session.step();
    console.log(`step ${step}  loss ${measures.loss?.toFixed(4)}  gradient norm ${gradNorm.toFixed(3)}`);
    losses.push(measures.loss ?? NaN);
  }
  const { measures } = await session.evaluate();
  console.log(`held out: margin ${measures['rewards/margins']?.toFixed(3)}`);
  return losses;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const model = process.argv[2];
  const backend = model === undefined ? createMemoryBackend() : await openBackend();
  await ownLoop(backend, model ?? 'toy:policy').finally(() => backend.close());
}
