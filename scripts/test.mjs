#!/usr/bin/env node
/**
 * `npm test`: installs what is missing, then runs every check. Exit code 0 only if all passed.
 *
 *   npm test                          everything
 *   npm test -- --only types,lint     some stages
 *
 * Two lanes side by side: checks of TypeScript while Python is installed, then vitest beside all the rest. A stage's
 * output is shown when it fails, its time always; the last line says whether all passed.
 */
import { spawn } from 'node:child_process';
import { ensureNpmPackages, ensurePython } from './install/ensure.mjs';
import { packageRoot } from './install/paths.mjs';
import { explain } from './install/problem.mjs';

const SIGN_OF_LIFE_MS = 30_000;

// What has not changed since the last time is not looked at again; a fresh clone looks at everything.
const cached = (tool) => ['--cache', '--cache-strategy', 'content', '--cache-location', `.cache/checks/${tool}`];

/** Stages are a name and a command each. These need npm's packages alone. */
const NODE_STAGES = [
  { name: 'types', command: [process.execPath, 'node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'] },
  {
    name: 'lint',
    command: [process.execPath, 'node_modules/eslint/bin/eslint.js', '.', '--max-warnings', '0', ...cached('eslint')],
  },
  {
    name: 'format',
    command: [
      process.execPath,
      'node_modules/prettier/bin/prettier.cjs',
      ...['--check', '--log-level', 'warn', '.'],
      ...cached('prettier'),
    ],
  },
  { name: 'generated', command: [process.execPath, 'scripts/generate-proto.mjs', '--check'] },
];

/** These need Python too. The longest first: it runs as long as all the others together. */
const pythonStages = (python) => [
  { name: 'vitest', command: [process.execPath, 'node_modules/vitest/vitest.mjs', 'run'] },
  { name: 'ruff', command: [python, '-m', 'ruff', 'check', '--no-cache', '.'] },
  { name: 'ruff-format', command: [python, '-m', 'ruff', 'format', '--check', '--no-cache', '.'] },
  { name: 'pytest', command: [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider'] },
  { name: 'fake-gpu', command: [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', 'py_backend/tests/cuda'] },
  ...Object.entries(PROCESSORS).map(([name, env]) => ({
    name: `numbers-${name}`,
    command: [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-m', 'numeric', 'py_backend/tests'],
    env,
  })),
];

/** Instruction sets that torch and its libraries are held to, beside this machine's own, which pytest uses. */
const PROCESSORS = {
  plain: { ATEN_CPU_CAPABILITY: 'default', ONEDNN_MAX_CPU_ISA: 'SSE41' },
  avx2: { ATEN_CPU_CAPABILITY: 'avx2', ONEDNN_MAX_CPU_ISA: 'AVX2' },
};

const ENVIRONMENT = {
  OMP_NUM_THREADS: '1',
  TOKENIZERS_PARALLELISM: 'false',
  HF_HUB_OFFLINE: '1',
  PYTHONDONTWRITEBYTECODE: '', // what one process has compiled, the next one need not
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
      env: { ...process.env, ...ENVIRONMENT, ...env },
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

/** Runs stages of a queue, one after the other, until it is empty; several lanes may share one. */
async function runLane(queue) {
  const results = [];
  for (let stage = queue.shift(); stage !== undefined; stage = queue.shift()) {
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

/** Which stages are asked for, as a test of their names. */
function choice(argv) {
  const at = argv.indexOf('--only');
  if (at < 0) return () => true;
  const names = (argv[at + 1] ?? '').split(',');
  const known = [...NODE_STAGES, ...pythonStages('python')].map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`--only: no stage "${unknown.join('", "')}"; there are ${known.join(', ')}\n`);
    process.exit(2);
  }
  return ({ name }) => names.includes(name);
}

async function main() {
  const started = Date.now();
  const chosen = choice(process.argv.slice(2));
  await ensureNpmPackages();
  const checking = runLane(NODE_STAGES.filter(chosen));
  const rest = ensurePython({ dev: true }).then((python) => {
    say(`installed (${seconds(started)})`);
    return pythonStages(python).filter(chosen);
  });
  const lanes = [rest.then(runLane), Promise.all([rest, checking]).then(([queue]) => runLane(queue))];
  const results = (await Promise.all([checking, ...lanes])).flat();
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
