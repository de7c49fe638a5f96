/**
 * What TypeScript and gRPC add to a step in a run of steps: wall time from commit to commit less the seconds that the
 * backend reports for forward, backward and commit. The objective, with three references, is part of it.
 *   npm run bench -- seam
 * Writes bench/results/seam.md.
 */
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { eachSide } from '../src/core/sides.js';
import type { PairText, Trainer } from '../src/backend/backend.js';
import { launchBackend } from '../src/backend/launch.js';
import { objectiveSchema } from '../src/config/schema.js';
import { createObjective } from '../src/objectives/create-objective.js';
import type { StepPlan } from '../src/training/batches.js';
import type { Examples } from '../src/training/examples.js';
import { createStepRunner } from '../src/training/step.js';
import { tinyModel } from '../test/support/tiny-models.js';

const PAIRS = 8;
const REFERENCES = 3;
const WARM_UP = 20;
const STEPS = 200;
/** A step of 8 pairs of a 7B model on a large GPU takes about so long, s; the goal is a share of it. */
const STEP_SECONDS = 0.4;
const GOAL = 0.005;

const texts: PairText[] = Array.from({ length: PAIRS }, (_, i) => ({
  prompt: [{ role: 'user', content: `What is ${i} plus two?` }],
  chosen: [{ role: 'assistant', content: `It is ${i + 2}.` }],
  rejected: [{ role: 'assistant', content: `I do not know what ${i} is.` }],
  plain: false,
}));

const backend = await launchBackend({ threads: 1 });
const measured: { readonly wall: number; readonly device: number }[] = [];
/** There and back of a frame that asks for nothing, s: what the machine itself needs to wake both sides. */
const empty: number[] = [];
try {
  const model = await backend.loadModel({ source: tinyModel('llama') });
  const { handle, rows } = await backend.registerRows(model.handle, texts, {
    maxLength: 256,
    truncation: 'keep_start',
    template: 'chat',
  });
  const trainer = await backend.createTrainer(model.handle, handle, {
    lora: { r: 8, alpha: 16 },
    checkpointing: 'off',
  });
  const column = (valueOf: (row: number) => number): Float64Array => Float64Array.from(texts, (_, row) => valueOf(row));
  const examples: Examples = {
    size: PAIRS,
    rows: texts.map((_, row) => row),
    names: texts.map((_, row) => `row ${row}`),
    promptTokens: column((row) => rows[row]?.promptTokens ?? 0),
    responseTokens: eachSide((side) => column((row) => rows[row]?.[`${side}Tokens`] ?? 0)),
    responseBytes: { chosen: column(() => 10), rejected: column(() => 25) },
    references: Array.from({ length: REFERENCES }, (_, k) => ({
      chosen: { logps: column((row) => -40 - k - row), tokens: column((row) => rows[row]?.chosenTokens ?? 0) },
      rejected: { logps: column((row) => -60 - k - row), tokens: column((row) => rows[row]?.rejectedTokens ?? 0) },
    })),
  };
  let device = 0;
  const timed = timing(trainer, (seconds) => (device += seconds));
  const objective = await createObjective(objectiveSchema.parse({}), { references: REFERENCES });
  const referenceNames = Array.from({ length: REFERENCES }, (_, k) => `reference-${k + 1}`);
  const context = { trainer: timed, objective, examples, referenceNames, seed: 0, weightDecay: 0, maxGradNorm: 1 };
  const indices = examples.rows.map((_, index) => index);
  const steps = createStepRunner(context);
  const planOf = (step: number): StepPlan => ({ step, epoch: step, indices, endsEpoch: true });
  for (let step = 1; step <= WARM_UP + STEPS; step++) {
    device = 0;
    const started = performance.now();
    await steps.run({ plan: planOf(step), learningRate: 1e-4, tokenBudget: 1e9, next: planOf(step + 1) });
    if (step > WARM_UP) measured.push({ wall: (performance.now() - started) / 1000, device });
  }
  for (let i = 0; i < STEPS; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50)); // as long as a step: both processes have gone to sleep
    const started = performance.now();
    await trainer.abort(0);
    empty.push((performance.now() - started) / 1000);
  }
  await trainer.close();
} finally {
  await backend.close();
}

/** The trainer itself; tells the seconds that the backend has worked. */
function timing(trainer: Trainer, add: (seconds: number) => void): Trainer {
  const told = <T extends { readonly seconds: number }>(result: T): T => {
    add(result.seconds);
    return result;
  };
  return {
    ...trainer,
    forward: async (request) => told(await trainer.forward(request)),
    backward: async (...given) => told(await trainer.backward(...given)),
    commit: async (request) => told(await trainer.commit(request)),
  };
}

const quantile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))] ?? NaN;
const milliseconds = (seconds: number): string => (1000 * seconds).toFixed(2);
const row = (name: string, values: readonly number[], mark = ''): string =>
  `| ${mark}${name}${mark} | ${mark}${milliseconds(quantile(values, 0.5))}${mark} | ${milliseconds(quantile(values, 0.9))} |`;
const added = measured.map(({ wall, device }) => wall - device);
const median = quantile(added, 0.5);
const text = `# What TypeScript and gRPC add to a step

\`npm run bench -- seam\`: ${STEPS} steps of ${PAIRS} pairs, ${REFERENCES} references, a tiny model in an embedded
Python process on the same machine. Added = wall time from commit to commit less what the backend reports for forward,
backward and commit. The step is cut into two forwards: while the device computes one, the log-probs of the other are
here and become gradients; backward, commit and the forwards of the next step are queued. A step in one forward, as on a
GPU with 4-bit weights or little memory, waits for one exchange more, which takes about as long as the empty frame.
${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${cpus().length} CPUs, load average ${loadavg()[0]?.toFixed(1)}, Node ${process.version}.

| ms | median | 90 % of steps below |
|---|---:|---:|
${row(
  'step, wall',
  measured.map(({ wall }) => wall),
)}
${row(
  'at work in the backend',
  measured.map(({ device }) => device),
)}
${row('added', added, '**')}
${row('an empty frame there and back, both processes asleep before', empty)}

Of a step of ${STEP_SECONDS} s this is ${((100 * median) / STEP_SECONDS).toFixed(2)} % (goal: at most ${100 * GOAL} %).
`;
writeFileSync(new URL('./results/seam.md', import.meta.url), text);
process.stdout.write(text);
