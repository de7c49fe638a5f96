/** Starting a task in a process of its own, and hearing of it. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { abortError } from '../../core/abort.js';
import { MrpoError } from '../../core/errors.js';
import { RunsFault } from '../fault.js';
import type { HelpAnswer } from '../journal/help.js';
import type { Lender } from '../queue/lending.js';
import { hintForCaller } from './failure.js';
import { programOf } from './program.js';
import type { Task, TaskLine, TaskProgress } from './task-lines.js';

/** What a task says on the way; the last message is its result. */
export type TaskMessage = { readonly progress: TaskProgress } | { readonly result: unknown };

const LAST_LINES = 5;

/**
 * Runs one task in a process of its own and passes on what it says.
 * @throws RunsFault `not_scored`, `spec_invalid` or `work_failed` with what the task failed with.
 */
export async function* runTask(
  task: Task,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  lender?: Lender,
): AsyncGenerator<TaskMessage> {
  const child = spawn(process.execPath, programOf('task'), { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line);
    if (log.length > LAST_LINES) log.shift();
  });
  child.stdin.on('error', () => undefined); // a task that has ended early says why on its way out
  const tell = (message: Task | HelpAnswer): void => void child.stdin.write(`${JSON.stringify(message)}\n`);
  tell(task);
  try {
    for await (const text of createInterface({ input: child.stdout })) {
      const line = JSON.parse(text) as TaskLine;
      if ('error' in line) throw faultOf(line.error);
      if ('help' in line) lender?.hear(line.help, tell);
      else yield line;
      if ('result' in line) return;
    }
    if (signal.aborted) throw abortError(signal);
    throw new MrpoError('internal', `the process of a ${task.kind} ended without a result: ${log.join(' ')}`);
  } finally {
    lender?.over();
    signal.removeEventListener('abort', stop);
    child.kill('SIGTERM');
  }
}

function faultOf({ code, message, hint }: Extract<TaskLine, { error: unknown }>['error']): RunsFault {
  const notScored = code === 'data' && /^Run "mrpo score"/.test(hint ?? '');
  const reason = notScored ? 'not_scored' : code === 'usage' || code === 'config' ? 'spec_invalid' : 'work_failed';
  return new RunsFault(reason, message, { hint: notScored ? 'ScoreReferences first.' : hintForCaller(hint) });
}
