/**
 * The whole path in miniature: three small models that each know one skill, preference pairs about all three skills,
 * DPO against the policy's own start, MRPO against all three models, and what became of both.
 *
 * `npm run quickstart` runs this file; it uses only what `import ... from 'mrpo'` gives.
 */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import {
  generate,
  MrpoError,
  openBackend,
  openLogpCache,
  startRun,
  writeComparison,
  type Backend,
  type LogpCache,
  type RunConfigInput,
  type StoredRun,
} from 'mrpo';
import { mark, type Marks } from './check-answers.js';
import { tellStory, type Story } from './progress.js';
import { runConfigs } from './settings.js';
import { resultTable, tableText, type Column, type Table } from './table.js';
import { openWorld, projectRoot, type World } from './world.js';

/** Longest answer of the language, with some room. */
const MAX_NEW_TOKENS = 16;

interface Parts {
  readonly world: World;
  readonly backend: Backend;
  readonly cache: LogpCache;
  readonly story: Story;
  readonly signal: AbortSignal;
}

/** Runs the quickstart and gives its table's columns: step 0, DPO, MRPO. */
export async function quickstart(signal: AbortSignal): Promise<readonly Column[]> {
  const story = tellStory(5);
  const cacheFolder = join(projectRoot, '.cache', 'quickstart');
  const output = join(projectRoot, 'runs', `quickstart-${new Date().toISOString().slice(0, 19).replace(/[:T]/g, '-')}`);
  await mkdir(output, { recursive: true });

  const worldDone = story.part('a world of three small models and 420 preference pairs (kept for the next time)');
  const world = await openWorld(cacheFolder, signal);
  worldDone();

  const backendDone = story.part('starting the Python backend');
  const backend = await openBackend({ signal });
  const cache = openLogpCache({ path: join(world.folder, 'reference-logps.db') });
  backendDone();
  try {
    const parts = { world, backend, cache, story, signal };
    const configs = runConfigs(world, output);
    const dpo = await train('DPO, kept near its own start', configs.DPO, parts);
    const mrpo = await train('MRPO, kept near all three models', configs.MRPO, parts);

    const askDone = story.part(`asking each policy the ${world.questions.length} held-out questions`);
    const columns: Column[] = [
      { title: 'step 0', measures: startOf(dpo), marks: await ask(world.models.llama, parts) },
      { title: 'DPO', start: startOf(dpo), measures: endOf(dpo), marks: await ask(dpo.folder.path, parts) },
      { title: 'MRPO', start: startOf(mrpo), measures: endOf(mrpo), marks: await ask(mrpo.folder.path, parts) },
    ];
    askDone();
    const table = resultTable(columns, mrpo.record.data?.longerIsChosen ?? NaN);
    const report = join(output, 'report.html');
    await writeComparison(
      [
        { name: 'DPO', run: dpo },
        { name: 'MRPO', run: mrpo },
      ],
      report,
      {
        title: 'Quickstart: DPO and MRPO on the same pairs',
        panels: [{ title: 'Answers checked by program', text: ABOUT, table }],
      },
    );
    print(table, output, report, story);
    return columns;
  } finally {
    cache.close();
    await backend.close();
  }
}

const ABOUT =
  'The world has three skills: adding invented numbers modulo 7, translating invented words, and knowing which of two ' +
  'invented animals is heavier. Each model was pre-trained on one skill and on hearsay of the others. The policy (Llama) ' +
  'knows sums, Mistral knows words, Qwen knows weights. At step 0 the policy is its own first reference, so every reward ' +
  'against it is exactly 0 and no pair counts as won. The own reward of MRPO is measured against its virtual reference, ' +
  'which prefers something before any training: compare its accuracy with that and not with 0 or 50 %.';

async function train(
  title: string,
  config: RunConfigInput,
  { backend, cache, story, signal }: Parts,
): Promise<StoredRun> {
  const done = story.part(title);
  const run = await startRun(config, { backend, cache, signal });
  for await (const event of run.events) story.show(event);
  const { status, run: stored } = await run.result;
  if (status === 'cancelled') throw new MrpoError('aborted', `stopped; what was trained so far is in ${run.folder}`);
  done();
  return stored;
}

/** Greedy answers to the held-out questions, marked. @param model A model folder or a run folder. */
async function ask(model: string, { world, backend, signal }: Parts): Promise<Marks> {
  const prompts = world.questions.map(({ prompt }) => prompt);
  const answers = await generate({ model, prompts, maxNewTokens: MAX_NEW_TOKENS, backend, signal });
  return mark(
    world,
    answers.map(({ text }) => text),
  );
}

const startOf = ({ record }: StoredRun): Column['measures'] => record.evaluation?.before ?? {};
const endOf = ({ record }: StoredRun): Column['measures'] => record.evaluation?.after ?? {};

function print(table: Table, output: string, report: string, story: Story): void {
  const from = (path: string): string => relative(process.cwd(), path);
  process.stdout.write(`\n${tableText(table)}\n\n`);
  process.stdout.write(
    `  runs:   ${from(join(output, 'dpo'))}, ${from(join(output, 'mrpo'))}\n  report: ${from(report)} (open it in a browser)\n`,
  );
  process.stdout.write(`  time:   ${story.seconds().toFixed(0)} s\n`);
}

/** Entry of scripts/quickstart.mjs. Ctrl-C stops at a step boundary. */
export async function main(): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  try {
    await quickstart(stop.signal);
  } catch (thrown) {
    if (stop.signal.aborted) {
      process.exitCode = 130;
      process.stderr.write('\nstopped\n');
    } else if (thrown instanceof MrpoError) {
      process.exitCode = 1;
      process.stderr.write(`\nerror: ${thrown.message}\n${thrown.hint === undefined ? '' : `  ${thrown.hint}\n`}`);
    } else throw thrown;
  }
}
