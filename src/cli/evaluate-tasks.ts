/** The half of `mrpo evaluate` that asks for tasks of language understanding. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { policyModelSpec } from '../config/models.js';
import { MrpoError } from '../core/errors.js';
import { evaluateTasks, isRunFolder, loadConfig, type TaskReport } from '../sdk/index.js';
import { writeFileAtomic } from '../store/atomic-file.js';
import type { ProfileName } from '../tasks/index.js';
import { printJson, type CliIo } from './command.js';
import { textTable } from './text-table.js';

/** Options of `mrpo evaluate`, as commander gives them. */
export interface TaskCliOptions {
  readonly tasks?: string;
  readonly profile?: ProfileName;
  readonly fewshot?: number;
  readonly limit?: number;
  readonly batchSize?: number;
  readonly taskData?: string;
  readonly out?: string;
  readonly set: readonly string[];
  readonly backend?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Evaluates tasks of a run, a configuration's policy or a model, and prints the numbers. */
export async function tellTasks(source: string, io: CliIo, options: TaskCliOptions): Promise<void> {
  const bar = io.progress('tasks');
  let report: TaskReport;
  try {
    report = await evaluateTasks({
      model: await modelIn(source, io, options.set),
      tasks:
        options.tasks
          ?.split(',')
          .map((name) => name.trim())
          .filter((name) => name !== '') ?? [],
      profile: options.profile,
      fewshot: options.fewshot,
      limit: options.limit,
      batchSize: options.batchSize,
      dataFolder: options.taskData === undefined ? undefined : resolve(io.cwd, options.taskData),
      folder: io.cwd,
      backendAddress: options.backend,
      env: io.env,
      signal: io.signal,
      onProgress: ({ stage, done, total }) => bar.update(done, total, stage),
    });
  } finally {
    bar.stop();
  }
  if (options.out !== undefined) await writeTasks(resolve(io.cwd, options.out), report);
  const { documents: _, ...shown } = report;
  if (options.json === true) printJson(io, shown);
  else io.out(taskText(report));
}

/** A run folder, a configuration's policy, or a model. */
async function modelIn(
  source: string,
  io: CliIo,
  set: readonly string[],
): Promise<string | ReturnType<typeof policyModelSpec>> {
  const path = resolve(io.cwd, source);
  const isFile = existsSync(path) && /\.(ya?ml|json)$/.test(path);
  if (!isFile && set.length > 0) {
    throw new MrpoError('usage', '--set changes a configuration file; a run or a model is evaluated as it is');
  }
  if (isFile) return policyModelSpec(loadConfig({ file: source, set, env: io.env, cwd: io.cwd }).config);
  return (await isRunFolder(path)) || existsSync(path) ? path : source;
}

async function writeTasks(folder: string, { documents, ...report }: TaskReport): Promise<void> {
  await mkdir(folder, { recursive: true });
  const lines = documents.flatMap(({ task, json }) =>
    json.map((line) => `${JSON.stringify({ task, ...(JSON.parse(line) as object) })}\n`),
  );
  await writeFileAtomic(join(folder, 'documents.jsonl'), lines.join(''));
  await writeFileAtomic(join(folder, 'tasks.json'), `${JSON.stringify(report, null, 2)}\n`);
}

/** Headlines first, then every number of every task. */
function taskText({ scores, headlines, profile, settings }: TaskReport): string {
  const share = (value: number): string => (Number.isNaN(value) ? '–' : (100 * value).toFixed(2));
  const top = textTable(
    [`profile ${profile}`, 'x 100', '± s.e.', 'documents'],
    headlines.map(({ title, value, standardError, documents }) => [
      title,
      share(value),
      share(standardError),
      String(documents),
    ]),
  );
  const all = textTable(
    ['task', 'version', 'shots', 'metric', 'value', '± s.e.'],
    scores.flatMap(({ task, version, fewshot, metrics }) =>
      metrics.map(({ name, filter, value, standardError }) => [
        task,
        version,
        String(fewshot),
        filter === 'none' ? name : `${name} (${filter})`,
        value.toFixed(4),
        Number.isNaN(standardError) ? '–' : standardError.toFixed(4),
      ]),
    ),
  );
  const how = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return `${top}\n${all}\n  ${how.join(', ')}\n`;
}
