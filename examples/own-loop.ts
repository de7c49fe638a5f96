/**
 * A training loop of one's own on the parts: log-probs come from the backend, the loss and its gradient from
 * TypeScript, and one number per response goes back. This is all that `startRun` does at its heart.
 *
 *   npx tsx examples/own-loop.ts                            toy models in memory, a second
 *   npx tsx examples/own-loop.ts ./models/base              a model of yours, on the embedded Python backend
 */
import { fileURLToPath } from 'node:url';
import {
  createMemoryBackend,
  createObjective,
  loadConfig,
  openBackend,
  readPreferenceData,
  type Backend,
  type ModelColumns,
  type Sides,
} from 'mrpo';

const STEPS = 10;
const LEARNING_RATE = 0.01;

/** Trains a model against its own start with DPO, all pairs in every step. Returns the loss of each step. */
export async function ownLoop(backend: Backend, model: string): Promise<readonly number[]> {
  const { pairs } = await readPreferenceData(fileURLToPath(new URL('pairs.jsonl', import.meta.url)));
  const policy = await backend.loadModel({ source: model });
  const rows = await backend.registerRows(policy.handle, pairs, {
    maxLength: 256,
    truncation: 'keep_start',
    template: 'chat',
  });
  const usable = rows.rows.flatMap((row, index) => (row.unusable === undefined ? [index] : []));
  const columns = ({ chosen, rejected }: Sides<Float64Array>): ModelColumns => ({
    chosen: { logps: chosen, tokens: Float64Array.from(usable, (row) => rows.rows[row]?.chosenTokens ?? 0) },
    rejected: { logps: rejected, tokens: Float64Array.from(usable, (row) => rows.rows[row]?.rejectedTokens ?? 0) },
  });

  const trainer = await backend.createTrainer(policy.handle, rows.handle, {
    lora: { r: 8, alpha: 16, dropout: 0, targetModules: [] },
    seed: 0,
    optimizer: 'adamw',
    adamBeta1: 0.9,
    adamBeta2: 0.999,
    adamEpsilon: 1e-8,
    checkpointing: 'auto',
  });

  // The reference is the policy before the first update; its log-probs never change.
  const start = { chosen: new Float64Array(usable.length), rejected: new Float64Array(usable.length) };
  for await (const chunk of backend.score(rows.handle, { rows: usable, adapterOff: true })) {
    chunk.rows.forEach((row, i) => {
      start.chosen[usable.indexOf(row)] = chunk.logps.chosen[i] ?? NaN;
      start.rejected[usable.indexOf(row)] = chunk.logps.rejected[i] ?? NaN;
    });
  }

  const { config } = loadConfig({
    object: { policy: { model }, data: { train: 'pairs.jsonl' }, objective: { loss: 'dpo', beta: 0.1 } },
  });
  const objective = await createObjective(config.objective, { references: 1 });
  const bytes = new Float64Array(usable.length); // only read by losses per byte
  const losses: number[] = [];
  for (let step = 1; step <= STEPS; step++) {
    const { logps } = await trainer.forward({ step, microBatch: 0, rows: usable, seed: step });
    const result = objective.evaluate({
      size: usable.length,
      policy: columns(logps),
      references: [columns(start)],
      bytes: { chosen: bytes, rejected: bytes },
    });
    // The gradient of the mean loss: the backend never divides.
    const { chosen, rejected } = result.gradients;
    await trainer.backward(step, 0, {
      chosen: chosen.map((gradient) => gradient / usable.length),
      rejected: rejected.map((gradient) => gradient / usable.length),
    });
    const { gradNorm } = await trainer.commit({
      step,
      microBatches: [0],
      learningRate: LEARNING_RATE,
      weightDecay: 0,
      maxGradNorm: 1,
    });
    const loss = result.losses.reduce((sum, value) => sum + value, 0) / usable.length;
    console.log(`step ${step}  loss ${loss.toFixed(4)}  gradient norm ${gradNorm.toFixed(3)}`);
    losses.push(loss);
  }
  await trainer.close();
  return losses;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const model = process.argv[2];
  const backend = model === undefined ? createMemoryBackend() : await openBackend();
  await ownLoop(backend, model ?? 'toy:policy').finally(() => backend.close());
}
