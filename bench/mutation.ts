/**
 * Mutation check of src/math: does a test fail for every deliberate error (swapped operands, another sign, a missing
 * clip, an index off by one)? Stryker makes the errors and runs the tests that reach them.
 *   npm run bench -- mutation [--save]
 * Works on a copy under .cache/mutation, into which Stryker is installed on the first run (150 packages that nothing
 * else needs). Takes 15 to 40 minutes on 2 cores. --save writes bench/results/mutation.md.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const STRYKER = '9.6.1'; // the last that runs on Node 20
const project = fileURLToPath(new URL('../', import.meta.url));
const copy = join(project, '.cache', 'mutation');
const COPIED = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'vitest.config.ts',
  'src/core',
  'src/math',
  'src/config',
  'src/objectives',
];
const TESTS = ['test/math', 'test/objectives', 'test/vectors'];
/** Tests of the command line, which needs what is not copied. */
const LEFT_OUT = ['explain.test.ts'];

interface Mutant {
  readonly status: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number } };
}

interface Report {
  readonly files: Readonly<Record<string, { readonly source: string; readonly mutants: readonly Mutant[] }>>;
}

function prepare(): void {
  for (const folder of ['src', 'test']) rmSync(join(copy, folder), { recursive: true, force: true });
  mkdirSync(copy, { recursive: true });
  for (const path of [...COPIED, ...TESTS]) {
    cpSync(join(project, path), join(copy, path), {
      recursive: true,
      filter: (source) => !LEFT_OUT.some((name) => source.endsWith(name)),
    });
  }
  writeFileSync(
    join(copy, 'stryker.config.json'),
    JSON.stringify({
      testRunner: 'vitest',
      mutate: ['src/math/**/*.ts', '!src/math/index.ts'],
      mutator: { excludedMutations: ['StringLiteral'] }, // the words of error messages are not mathematics
      vitest: { configFile: 'vitest.config.ts' },
      coverageAnalysis: 'perTest',
      concurrency: Math.max(1, Math.min(2, cpus().length)),
      timeoutMS: 8_000, // on top of 1.5 times what the tests took without an error
      reporters: ['progress-append-only', 'json'],
      jsonReporter: { fileName: 'mutation.json' },
    }),
  );
}

function run(program: string, args: readonly string[]): void {
  const { status } = spawnSync(program, args, {
    cwd: copy,
    stdio: 'inherit',
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}`);
}

/** Caught: a test failed or never ended. Code that does not compile or run at all is no mutant. */
function count(mutants: readonly Mutant[]): { caught: number; all: number } {
  const caught = mutants.filter(({ status }) => status === 'Killed' || status === 'Timeout').length;
  const missed = mutants.filter(({ status }) => status === 'Survived' || status === 'NoCoverage').length;
  return { caught, all: caught + missed };
}

function resultText({ files }: Report): string {
  const percent = ({ caught, all }: { caught: number; all: number }): string =>
    all === 0 ? '-' : ((100 * caught) / all).toFixed(1);
  const rows = Object.entries(files).map(([file, { mutants }]) => {
    const counted = count(mutants);
    return `| ${file.replace('src/math/', '')} | ${counted.caught} | ${counted.all} | ${percent(counted)} |`;
  });
  const total = count(Object.values(files).flatMap(({ mutants }) => mutants));
  const survivors = Object.entries(files).flatMap(([file, { source, mutants }]) =>
    mutants
      .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
      .map(({ location, mutatorName, replacement, status }) => {
        const line = source.split('\n')[location.start.line - 1]!.trim();
        return `- ${file.replace('src/math/', '')}:${location.start.line} ${mutatorName}${status === 'NoCoverage' ? ' (not reached)' : ''}: \`${line}\` with \`${(replacement ?? '').replaceAll(/\s+/g, ' ')}\``;
      }),
  );
  return `# Mutation check of src/math

\`npm run bench -- mutation\`: Stryker ${STRYKER}, Node ${process.version}. **${total.caught} of ${total.all} errors caught, ${percent(total)} %.**

| file | caught | errors | % |
|---|---:|---:|---:|
${rows.join('\n')}

## Not caught

${survivors.join('\n')}
`;
}

prepare();
run('npm', [
  'install',
  '--no-audit',
  '--no-fund',
  '--no-save',
  `@stryker-mutator/core@${STRYKER}`,
  `@stryker-mutator/vitest-runner@${STRYKER}`,
]);
run(process.execPath, [join('node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js'), 'run']);
const text = resultText(JSON.parse(readFileSync(join(copy, 'mutation.json'), 'utf8')) as Report);
console.log(text);
if (process.argv.includes('--save')) writeFileSync(new URL('./results/mutation.md', import.meta.url), text);
