/** Scores of language understanding from a program. */
import { resolve } from 'node:path';
import { evaluateModelTasks as evaluate, type EvaluateTasksRequest, type ModelTaskEvaluation } from '../runs/index.js';
import { headlinesOf, headlineValues, type HeadlineValue, type ProfileName } from '../tasks/index.js';

/** Which model, which tasks, and how. */
export interface TaskOptions extends Omit<EvaluateTasksRequest, 'tasks'> {
  /** Names of tasks, or paths of task files. Default: all of the profile. */
  readonly tasks?: readonly string[] | undefined;
  /** Which tasks, how many examples, which numbers count. Default `paper`. */
  readonly profile?: ProfileName | undefined;
  /** Examples before each question, in place of the profile's. */
  readonly fewshot?: number | undefined;
  /** Folder that relative paths of task files are relative to. Default: the current one. */
  readonly folder?: string | undefined;
}

/** Everything that was measured, and the one number of each task. */
export interface TaskReport extends ModelTaskEvaluation {
  readonly profile: ProfileName;
  /** One number a task, and their mean. */
  readonly headlines: readonly HeadlineValue[];
}

/**
 * Runs lm-evaluation-harness on a model, or on what a run trained.
 * @example
 * const { headlines } = await evaluateTasks({ model: 'runs/mine', tasks: ['hellaswag', './my-task.yaml'] });
 */
export async function evaluateTasks(options: TaskOptions): Promise<TaskReport> {
  const { tasks = [], profile = 'paper', fewshot, folder = process.cwd(), ...request } = options;
  const names = tasks.map((name) => (isTaskFile(name) ? resolve(folder, name) : name));
  const headlines = headlinesOf(names, profile);
  const choices = headlines.flatMap((headline) => headline.tasks);
  const evaluation = await evaluate({
    ...request,
    tasks: fewshot === undefined ? choices : choices.map((choice) => ({ ...choice, fewshot })),
  });
  return { ...evaluation, profile, headlines: headlineValues(headlines, evaluation.scores) };
}

/** A path, and no name of the harness's own: as the backend tells them apart. */
const isTaskFile = (name: string): boolean => /\.ya?ml$/.test(name) || name.includes('/') || /^[.~]/.test(name);
