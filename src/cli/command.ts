/** What every command of the CLI shares: the streams it may use, the signal that stops it, and how it ends. */
import type { Command } from 'commander';
import type { ProgressDisplay } from './progress.js';

/** The world as a command sees it; tests give their own. */
export interface CliIo {
  /** Results. With --json exactly what the command promises goes here, and nothing else. */
  readonly out: (text: string) => void;
  /** Everything said along the way: notes, warnings, progress. */
  readonly note: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Fires at the first Ctrl-C, SIGTERM, SIGHUP or SIGQUIT: stop at the next safe point. A second Ctrl-C ends at once. */
  readonly signal: AbortSignal;
  /** A progress bar on a terminal, plain lines when piped, silence with --quiet; always on stderr. */
  readonly progress: (title: string) => ProgressDisplay;
  /** Text of standard input. */
  readonly readStdin: () => Promise<string>;
  /** Asks a person; only "y" and "yes" are yes. Undefined where no terminal is there to ask at. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined;
}

/** Adds one command, with its options, help and example, to the program. */
export type RegisterCommand = (program: Command, io: CliIo) => void;

/** One JSON object on a line of its own. */
export function printJson(io: CliIo, value: unknown): void {
  io.out(`${JSON.stringify(value)}\n`);
}

/** Commander's way to collect a repeatable option: `--set a=1 --set b=2`. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}
