/**
 * Scores of language understanding of a matrix's runs, each kept by what it is of: the model, the tasks and the version
 * of the harness. A start that several cells share is evaluated once.
 *
 * OUT/tasks/KEY.json              scores, settings, headlines
 * OUT/tasks/KEY.documents.jsonl   results per document
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend, CallOptions, ModelSpec, TaskEvaluation } from '../backend/backend.js';
import { policyModelSpec } from '../config/index.js';
import { contentHash } from '../core/hash.js';
import { trainedModel, type StoredRun } from '../runs/index.js';
import { writeFileAtomic } from '../store/atomic-file.js';
import { headlinesOf, headlineValues, type Headline, type HeadlineValue } from '../tasks/index.js';
import { hashPath } from './cell-key.js';
import type { Matrix } from './matrix.js';

/** What is kept of an evaluation, beside its documents. */
export interface TaskResults extends Omit<TaskEvaluation, 'documents'> {
  readonly headlines: readonly HeadlineValue[];
}

/** Before training and after it. */
export type TaskStage = 'before' | 'after';

/** Results by cell, tasks and stage. */
export interface TaskStore {
  /** @param run The finished run of the cell with this key. */
  read(run: StoredRun, key: string, tasks: readonly Headline[], stage: TaskStage): Promise<TaskResults | undefined>;
  /** Evaluates what is missing of a finished cell. */
  complete(run: StoredRun, key: string, tasks: readonly Headline[], backend: Backend, call: CallOptions): Promise<void>;
}

/** The headlines that a matrix asks for; none where it asks for no tasks. */
export function tasksOf({ tasks }: Matrix): readonly Headline[] {
  if (tasks === undefined) return [];
  return typeof tasks === 'string' ? headlinesOf([], tasks) : tasks;
}

const STAGES: readonly TaskStage[] = ['before', 'after'];

/** The store in a folder of results; nothing is made there before something is kept. */
export function openTaskStore(out: string): TaskStore {
  const folder = join(out, 'tasks');
  const contents = new Map<string, Promise<string>>();
  const contentOf = (headlines: readonly Headline[]): Promise<string> => {
    const name = JSON.stringify(headlines);
    const found = contents.get(name) ?? taskContent(headlines);
    contents.set(name, found);
    return found;
  };
  const fileOf = async (run: StoredRun, key: string, tasks: readonly Headline[], stage: TaskStage): Promise<string> => {
    // A cell's key says all of its start and its training; the start alone is its model by content.
    const model = stage === 'after' ? key : run.record.policy?.identity;
    return join(folder, contentHash([stage, model ?? key, await contentOf(tasks)]).slice(0, 20));
  };
  return {
    async read(run, key, tasks, stage) {
      if (tasks.length === 0) return undefined;
      const text = await readFile(`${await fileOf(run, key, tasks, stage)}.json`, 'utf8').catch(() => undefined);
      return text === undefined ? undefined : (JSON.parse(text, notANumber) as TaskResults);
    },
    async complete(run, key, tasks, backend, call) {
      await mkdir(folder, { recursive: true });
      for (const stage of STAGES) {
        const file = await fileOf(run, key, tasks, stage);
        if (existsSync(`${file}.json`)) continue;
        const spec = stage === 'after' ? await trainedModel(run) : policyModelSpec(run.config);
        const { documents, ...found } = await evaluateModel(spec, tasks, backend, call);
        const lines = documents.flatMap(({ task, json }) =>
          json.map((line) => `{"task":${JSON.stringify(task)},${line.slice(1)}\n`),
        );
        await writeFileAtomic(`${file}.documents.jsonl`, lines.join(''));
        const results: TaskResults = { ...found, headlines: headlineValues(tasks, found.scores) };
        await writeFileAtomic(`${file}.json`, `${JSON.stringify(results, null, 2)}\n`);
      }
    },
  };
}

async function evaluateModel(
  spec: ModelSpec,
  tasks: readonly Headline[],
  backend: Backend,
  call: CallOptions,
): Promise<TaskEvaluation> {
  const { handle } = await backend.loadModel(spec, call);
  try {
    return await backend.evaluateTasks(
      handle,
      tasks.flatMap((headline) => headline.tasks),
      call,
    );
  } finally {
    await backend.unloadModel(handle).catch(() => undefined); // the first error is the one that matters
  }
}

/** Names, shots, and the content of task files with what lies beside them. */
async function taskContent(headlines: readonly Headline[]): Promise<string> {
  const parts = headlines.flatMap(({ tasks, of }) =>
    tasks.map(async ({ name, fewshot }) => [
      existsSync(name) ? await hashPath(name) : name,
      existsSync(name) && /\.ya?ml$/.test(name) ? await hashPath(join(name, '..')) : '',
      fewshot ?? null,
      of,
    ]),
  );
  return contentHash(await Promise.all(parts));
}

/** JSON has no NaN; an unknown standard error is written as null. */
const notANumber = (name: string, value: unknown): unknown =>
  name === 'standardError' && value === null ? NaN : value;
