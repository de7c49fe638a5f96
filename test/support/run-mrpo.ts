/** The CLI inside the test process: arguments in, exit code and both streams out. */
import { runCli } from '../../src/cli/main.js';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliWorld {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
  readonly stdin?: string;
}

/** Runs one command line (without `mrpo`). */
export async function runMrpo(argv: readonly string[], world: CliWorld): Promise<CliResult> {
  let stdout = '';
  let stderr = '';
  const code = await runCli(argv, {
    out: (text) => void (stdout += text),
    note: (text) => void (stderr += text),
    env: world.env ?? {},
    cwd: world.cwd,
    signal: world.signal ?? new AbortController().signal,
    progress: () => ({ update: () => undefined, stop: () => undefined }),
    readStdin: async () => world.stdin ?? '',
  });
  return { code, stdout, stderr };
}
