#!/usr/bin/env node
/**
 * `npm test`: installs what is missing, then runs every check. Exit code 0 only if all passed.
 *
 *   npm test                          everything
 *   npm test -- --only types,lint     some stages
 *
 * Two lanes side by side: vitest is about as long as all the rest together. A stage's output is shown when it fails,
 * its time always; the last line says whether all passed.
 */
import { spawn } from 'node:child_process';
import { ensureNpmPackages, ensurePython } from './install/ensure.mjs';
import { packageRoot } from './install/paths.mjs';
import { explain } from './install/problem.mjs';

const SIGN_OF_LIFE_MS = 30_000;

// What has not changed since the last time is not looked at again; a fresh clone looks at everything.
const cached = (tool) => ['--cache', '--cache-strategy', 'content', '--cache-location', `.cache/checks/${tool}`];

/** name, what it proves, command; in the order in which a lane takes them. */
const stagesWith = (python) => [
  { name: 'vitest', lane: 0, command: [process.execPath, 'node_modules/vitest/vitest.mjs', 'run'] },
  {
    name: 'types',
    lane: 1,
    command: [process.execPath, 'node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'],
  },
  {
    name: 'lint',
    lane: 1,
    command: [process.execPath, 'node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0', ...cached('eslint')],
  },
  {
    name: 'format',
    lane: 1,
    command: [
      process.execPath,
      'node_modules/prettier/bin/prettier.cjs',
      ...['--check', '--log-level', 'warn', '.'],
      ...cached('prettier'),
    ],
  },
  { name: 'generated', lane: 1, command: [process.execPath, 'scripts/generate-proto.mjs', '--check'] },
  { name: 'ruff', lane: 1, command: [python, '-m', 'ruff', 'check', '--no-cache', '.'] },
  { name: 'ruff-format', lane: 1, command: [python, '-m', 'ruff', 'format', '--check', '--no-cache', '.'] },
  { name: 'pytest', lane: 1, command: [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider'] },
  {
    name: 'fake-gpu',
    lane: 1,
    command: [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'py_backend/tests/cuda'],
  },
  ...Object.entries(PROCESSORS).map(([name, env]) => ({
    name: `numbers-${name}`,
    lane: 1,
    command: [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-m', 'numeric', 'py_backend/tests'],
    env,
  })),
];

/** Instruction sets that torch and its libraries are held to, beside this machine's own, which pytest uses. */
const PROCESSORS = {
  plain: { ATEN_CPU_CAPABILITY: 'default', ONEDNN_MAX_CPU_ISA: 'SSE41' },
  avx2: { ATEN_CPU_CAPABILITY: 'avx2', ONEDNN_MAX_CPU_ISA: 'AVX2' },
};

const seconds = (sinceMs) => `${((Date.now() - sinceMs) / 1000).toFixed(1)} s`;
const say = (text) => process.stdout.write(`${text}\n`);

/** Runs one stage and gives whether it passed, with its output. */
function runStage({ name, command: [program, ...args], env = {} }) {
  return new Promise((resolve) => {
    const started = Date.now();
    const child = spawn(program, args, {
      cwd: packageRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, OMP_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false', HF_HUB_OFFLINE: '1', ...env },
    });
    const output = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(chunk));
    const alive = setInterval(() => say(`  ${name} still running (${seconds(started)})`), SIGN_OF_LIFE_MS);
    const finish = (passed, extra = '') => {
      clearInterval(alive);
      resolve({ name, passed, time: seconds(started), output: Buffer.concat(output).toString('utf8') + extra });
    };
    child.on('error', (error) => finish(false, String(error)));
    child.on('close', (code) => finish(code === 0));
  });
}

async function runLane(stages) {
  const results = [];
  for (const stage of stages) {
    const result = await runStage(stage);
    results.push(result);
    const summary = result.passed ? lastLines(result.output, 1) : result.output.trimEnd();
    say(
      `${result.passed ? 'ok  ' : 'FAIL'} ${result.name.padEnd(11)} ${result.time.padStart(8)}  ${result.passed ? summary : ''}`,
    );
    if (!result.passed) say(`${summary}\n`);
  }
  return results;
}

/** The last non-empty lines of a text, without colours. */
function lastLines(text, count) {
  const plain = text.replace(/\u001b\[[0-9;]*m/g, '');
  return plain
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
    .slice(-count)
    .join(' ');
}

function chosenStages(stages, argv) {
  const at = argv.indexOf('--only');
  if (at < 0) return stages;
  const names = (argv[at + 1] ?? '').split(',');
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    process.stderr.write(
      `--only: no stage "${unknown.join('", "')}"; there are ${stages.map(({ name }) => name).join(', ')}\n`,
    );
    process.exit(2);
  }
  return stages.filter(({ name }) => names.includes(name));
}

async function main() {
  const started = Date.now();
  await ensureNpmPackages();
  const stages = chosenStages(stagesWith(await ensurePython({ dev: true })), process.argv.slice(2));
  say(`installed (${seconds(started)}); running ${stages.map(({ name }) => name).join(', ')}`);
  const lanes = [0, 1].map((lane) => runLane(stages.filter((stage) => stage.lane === lane)));
  const results = (await Promise.all(lanes)).flat();
  const failed = results.filter(({ passed }) => !passed).map(({ name }) => name);
  say(
    failed.length === 0
      ? `ALL CHECKS PASSED (${seconds(started)})`
      : `FAILED: ${failed.join(', ')} (${seconds(started)})`,
  );
  process.exitCode = failed.length === 0 ? 0 : 1;
}

try {
  await main();
} catch (thrown) {
  process.exitCode = explain(thrown);
}
