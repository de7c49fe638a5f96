/**
 * Pairs a second through MRPO at K = 3: checks, weights, trust region, pooling, loss, gradient and all metrics, on one
 * thread, beside the same numbers in NumPy on the same data in the same run.
 *   npm run bench -- math [--save]
 * --save writes the table to bench/results/math.md. The log-probs are made up (seeded) at the scale of whole responses.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolvePython } from '../src/backend/python.js';
import { objectiveSchema } from '../src/config/schema.js';
import { seededRandom } from '../src/core/random.js';
import { createObjective, metricsOf, type ModelColumns, type PairBatch } from '../src/objectives/index.js';

const PAIRS = 2 ** 17;
const REFERENCES = 3;
const ROUNDS = 25;
const BATCH_SIZES = [1024, 2 ** 14, PAIRS];

/** Seconds of one round over all pairs: by the clock, and of this process's CPU time (all its threads). */
interface Round {
  readonly wall: number;
  readonly cpu: number;
}

interface NumpyResult {
  readonly rounds: readonly Round[];
  readonly loss: number;
  readonly gradient: number;
  readonly numpy: string;
}

/** Responses of 20 to 500 tokens at about one nat a token, every model within some 20 % of the others. */
function madeUpModels(): readonly ModelColumns[] {
  const { next } = seededRandom(0);
  const column = (value: (row: number) => number): Float64Array =>
    Float64Array.from({ length: PAIRS }, (_, row) => value(row));
  const sides = [0, 1].map(() => {
    const tokens = column(() => 20 + Math.floor(480 * next()));
    return { tokens, nats: tokens.map((count) => count * (0.6 + 0.8 * next())) };
  });
  return Array.from({ length: 1 + REFERENCES }, () => {
    const [chosen, rejected] = sides.map(({ tokens, nats }) => ({
      tokens,
      logps: nats.map((size) => -size * (0.9 + 0.2 * next())),
    }));
    return { chosen: chosen!, rejected: rejected! };
  });
}

/** The rows from `start` on as a batch of their own. */
function slice(models: readonly ModelColumns[], start: number, size: number): PairBatch {
  const part = (column: Float64Array): Float64Array => column.slice(start, start + size);
  const [policy, ...references] = models.map(({ chosen, rejected }) => ({
    chosen: { logps: part(chosen.logps), tokens: part(chosen.tokens) },
    rejected: { logps: part(rejected.logps), tokens: part(rejected.tokens) },
  }));
  return {
    size,
    policy: policy!,
    references,
    bytes: { chosen: policy!.chosen.tokens, rejected: policy!.rejected.tokens },
  };
}

/** A table row in million pairs a second. Other work on the machine stretches the clock; CPU time much less. */
function tableRow(label: string, rounds: readonly Round[]): string {
  const rates = (seconds: readonly number[]): number[] =>
    seconds.map((value) => PAIRS / value / 1e6).sort((a, b) => a - b);
  const [wall, cpu] = [rates(rounds.map((round) => round.wall)), rates(rounds.map((round) => round.cpu))];
  const shown = [median(wall), wall.at(-1)!, median(cpu), cpu.at(-1)!];
  return `| ${label} | ${shown.map((rate) => rate.toFixed(2)).join(' | ')} |`;
}

function median(sorted: readonly number[]): number {
  return sorted[Math.floor(sorted.length / 2)]!;
}

function timeNumpy(models: readonly ModelColumns[]): NumpyResult {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-bench-'));
  try {
    const columns = models.flatMap(({ chosen, rejected }) => [
      chosen.logps,
      rejected.logps,
      chosen.tokens,
      rejected.tokens,
    ]);
    const file = join(folder, 'columns.f64');
    writeFileSync(file, Buffer.concat(columns.map((column) => new Uint8Array(column.buffer))));
    const script = fileURLToPath(new URL('./math_numpy.py', import.meta.url));
    const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
    const { status, stdout, stderr } = spawnSync(resolvePython(), [script, file, String(REFERENCES), String(ROUNDS)], {
      encoding: 'utf8',
      env,
    });
    if (status !== 0) throw new Error(`math_numpy.py failed:\n${stderr}`);
    return JSON.parse(stdout) as NumpyResult;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const models = madeUpModels();
const objective = await createObjective(objectiveSchema.parse({}), { references: REFERENCES });
const layouts = BATCH_SIZES.map((size) => ({
  size,
  batches: Array.from({ length: PAIRS / size }, (_, index) => slice(models, index * size, size)),
  rounds: [] as Round[],
}));
let loss = 0;
for (let round = 0; round < ROUNDS; round++) {
  for (const { batches, rounds } of layouts) {
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    loss = 0;
    for (const batch of batches) {
      const result = objective.evaluate(batch);
      loss += (metricsOf(batch, result, []).loss! * batch.size) / PAIRS;
    }
    const used = process.cpuUsage(cpu);
    rounds.push({ wall: (performance.now() - started) / 1000, cpu: (used.user + used.system) / 1e6 });
  }
}
const whole = objective.evaluate(layouts.at(-1)!.batches[0]!);
const gradient = whole.gradients.chosen.reduce((sum, value) => sum + value, 0) / PAIRS;
const numpy = timeNumpy(models);

const text = `# MRPO in TypeScript and in NumPy

\`npm run bench -- math\`: ${PAIRS} pairs, K = ${REFERENCES}, adaptive trust region, ARWC, harmonic pooling; value, gradient and all metrics; one
thread, ${ROUNDS} rounds after each other. ${cpus()[0]!.model.trim()}, ${cpus().length} CPUs, Node ${process.version}, NumPy ${numpy.numpy}, load average ${loadavg()[0]!.toFixed(1)}.

| million pairs per | second, median | second, best | CPU second, median | CPU second, best |
|---|---:|---:|---:|---:|
${layouts.map(({ size, rounds }) => tableRow(`TypeScript, batches of ${size}`, rounds)).join('\n')}
${tableRow(`NumPy, one batch of ${PAIRS}`, numpy.rounds)}

Both computed the same: mean loss ${loss.toPrecision(12)} and ${numpy.loss.toPrecision(12)}, mean gradient ${gradient.toPrecision(12)} and ${numpy.gradient.toPrecision(12)}.
`;
console.log(text);
if (process.argv.includes('--save')) {
  mkdirSync(new URL('./results/', import.meta.url), { recursive: true });
  writeFileSync(new URL('./results/math.md', import.meta.url), text);
}
