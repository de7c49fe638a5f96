/** How a Python process ended, in words: above all whether the system ended it because memory was used up. */
import { readFileSync } from 'node:fs';
import { BackendFault } from './fault.js';

/** Processes that the out-of-memory killer has ended since the machine started; undefined where Linux does not say. */
export function memoryKills(path = '/proc/vmstat'): number | undefined {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync(path, 'utf8'))?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}

/** What is known of a Python process that has ended. */
export interface Death {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Last lines of its log. */
  readonly lastLogLines: string;
  /** {@link memoryKills} when it was started. */
  readonly killsBefore: number | undefined;
}

/** The `died` error for it: how it ended, its last log lines, and a hint where memory may be the cause. */
export function deathFault(
  { code, signal, lastLogLines, killsBefore }: Death,
  kills: number | undefined = memoryKills(),
): BackendFault {
  const how = signal === null ? exitText(code) : `signal ${signal}`;
  const said = lastLogLines === '' ? 'It said nothing.' : `Its last log lines:\n${lastLogLines}`;
  const byMemory = signal === 'SIGKILL' && kills !== undefined && killsBefore !== undefined && kills > killsBefore;
  const why = byMemory ? ', by the out-of-memory killer of the system' : '';
  return new BackendFault('died', `the Python backend has ended (${how}${why}). ${said}`, {
    details: { how, lastLogLines },
    ...(signal === 'SIGKILL' ? { hint: byMemory ? MEMORY_HINT : KILL_HINT } : {}),
    ...(code === MEMORY_LOST ? { hint: MEMORY_HINT } : {}),
  });
}

/** Exit code of py_backend where it has not even the memory to say what it lacks. */
const MEMORY_LOST = 71;

const exitText = (code: number | null): string =>
  `exit code ${code ?? 'unknown'}${code === MEMORY_LOST ? ', without any memory left' : ''}`;

const MEMORY_HINT =
  'Memory ran out. Use quantization: nf4, a smaller model or a lower data.max_length; "mrpo plan" says what a run needs.';
const KILL_HINT =
  'Somebody ended it, or a limit of memory (a container, a job scheduler) did: then a smaller model, quantization: nf4 or a lower data.max_length needs less.';
