/**
 * The what-if sweep on the scale of UltraFeedback: 61,000 pairs, 5 references, at least 100 settings.
 *   npm run bench -- whatif
 * The log-probs are made up (seeded): only their number and spread matter to the time. Writes bench/results/whatif.md.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { objectiveSchema } from '../src/config/schema.js';
import { seededRandom } from '../src/core/random.js';
import type { ModelColumns, PairBatch } from '../src/objectives/objective.js';
import { sweepBatch } from '../src/references/whatif/whatif.js';

const PAIRS = 61_000;
const REFERENCES = 5;
const RUNS = 3;

const { next } = seededRandom(0);
const column = (value: (row: number) => number): Float64Array =>
  Float64Array.from({ length: PAIRS }, (_, row) => value(row));

function syntheticBatch(): PairBatch {
  const chosenTokens = column(() => 20 + Math.floor(next() * 480));
  const rejectedTokens = column(() => 20 + Math.floor(next() * 480));
  const side = (tokens: Float64Array, nats: number) => ({
    tokens,
    logps: tokens.map((count) => -count * nats * (0.7 + 0.6 * next())),
  });
  const model = (k: number): ModelColumns => ({
    chosen: side(chosenTokens, 0.9 + 0.1 * k),
    rejected: side(rejectedTokens, 0.95 + 0.1 * k),
  });
  const references = Array.from({ length: REFERENCES }, (_, k) => model(k));
  return {
    size: PAIRS,
    policy: references[0]!,
    references,
    bytes: { chosen: chosenTokens.map((count) => 4 * count), rejected: rejectedTokens.map((count) => 4 * count) },
  };
}

const batch = syntheticBatch();
const names = Array.from({ length: REFERENCES }, (_, k) => `reference-${k + 1}`);
let distinct = 0;
const runs: { settings: number; seconds: number; cpuSeconds: number }[] = [];
for (let run = 0; run < RUNS; run++) {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  const { results } = await sweepBatch(batch, true, names, objectiveSchema.parse({}));
  distinct = new Set(
    results.map(({ setting: { references, clip, weights, pooling } }) =>
      JSON.stringify([references, clip, weights, pooling]),
    ),
  ).size;
  const used = process.cpuUsage(cpu);
  runs.push({
    settings: results.length,
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (used.user + used.system) / 1e6,
  });
}

const rows = runs.map(
  ({ settings, seconds, cpuSeconds }, run) =>
    `| ${run + 1} | ${settings} | ${seconds.toFixed(2)} | ${cpuSeconds.toFixed(2)} | ${((cpuSeconds / settings) * 100).toFixed(2)} |`,
);
const text = `# What-if sweep

\`npm run bench -- whatif\`: ${PAIRS.toLocaleString('en-US')} pairs, K = ${REFERENCES} references, made-up log-probs (seed 0), one thread;
${distinct} of the settings differ from all others, the rest appear in several groups and are computed once.
${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}, load average ${loadavg()[0]?.toFixed(1)} on ${cpus().length} CPUs while it ran
(other work stretches the wall clock; the CPU time is this process's own).

| run | settings | wall clock, s | CPU, s | CPU s per 100 settings |
|---:|---:|---:|---:|---:|
${rows.join('\n')}
`;
mkdirSync(new URL('./results/', import.meta.url), { recursive: true });
writeFileSync(new URL('./results/whatif.md', import.meta.url), text);
process.stdout.write(text);
