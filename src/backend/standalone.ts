/** A backend of its own: `python -m py_backend` as a child process that serves on an address until it is stopped. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { throwIfAborted } from '../core/abort.js';
import { MrpoError } from '../core/errors.js';
import { deathFault, memoryKills } from './death.js';
import { parseAddress } from '../rpc/address.js';
import { checkToken } from '../rpc/token.js';
import { PROJECT_ROOT, pythonPath, resolvePython } from './python.js';

/** Where a backend listens, whom it lets in, and what it may read. */
export interface StandaloneOptions {
  /** `unix:/path` or `host:port`; port 0 = any free one. */
  readonly address: string;
  /** Callers must send it. Default: none. */
  readonly token?: string | undefined;
  /** PEM files of the server. Default: plain text. With `clientCa`, callers must show a certificate that it signed. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string | undefined } | undefined;
  /** Let other machines call without a token or a client certificate. */
  readonly insecure?: boolean | undefined;
  /** Read and write models only below these folders. Default: anywhere. */
  readonly roots?: readonly string[] | undefined;
  /** CPU threads of torch. Default: as many as torch chooses. */
  readonly threads?: number | undefined;
  /** auto, cpu, cuda or cuda:1. Default: MRPO_DEVICE, else auto. */
  readonly device?: string | undefined;
  /** How long the models of a client that has gone are kept. Default 600. */
  readonly clientGraceSeconds?: number | undefined;
  /** Where Prometheus may ask it, by the same rule as callers; port 0 = any free one. Default: nowhere. */
  readonly metrics?: { readonly host?: string | undefined; readonly port: number } | undefined;
  /** Default: `MRPO_PYTHON`, else the project's own environment. */
  readonly python?: string | undefined;
  /** Fired before it listens: the start is given up. */
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of the backend's log. */
  readonly onLog?: ((line: string) => void) | undefined;
}

/** A child process that serves until it is stopped. */
export interface StandaloneBackend {
  /** Where it listens, with the port it was given. */
  readonly address: string;
  readonly processId: number;
  /** `host:port` of `GET /metrics`, with the port it was given. */
  readonly metricsAddress: string | undefined;
  /** Resolves when the process ends: rejects with reason `died` unless it was asked to. */
  readonly ended: Promise<void>;
  /** Waits up to 10 s for calls in progress, then kills the process. Resolves when it has ended. */
  stop(): Promise<void>;
}

const TOKEN_VARIABLE = 'MRPO_SERVE_TOKEN';
const METRICS_HOST = '127.0.0.1';
const STOP_GRACE_MS = 10_000;
const LAST_LINES = 20;

/** Resolves when the backend listens. Throws code `usage` for an address that it cannot or must not use. */
export async function startStandalone(options: StandaloneOptions): Promise<StandaloneBackend> {
  checkAddress(options);
  if (options.metrics !== undefined) checkAddress({ ...options, address: metricsAddress(options.metrics) });
  const killsBefore = memoryKills();
  const script = join(PROJECT_ROOT, 'py_backend', 'start.py');
  const child = spawn(resolvePython(options.python), [script, ...argumentsOf(options)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environmentOf(options),
    detached: true, // Ctrl-C is for this process to handle: one stop, with grace
  });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const log: string[] = [];
  const logLines = createInterface({ input: child.stderr });
  logLines.on('line', (line) => {
    log.push(line);
    if (log.length > LAST_LINES) log.shift();
    options.onLog?.(line);
  });
  let stopping = false;
  const closed = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  }).finally(() => process.removeListener('exit', kill));
  const ended = closed.then(({ code, signal }) => {
    if (!stopping) throw deathOf(code, signal, log, killsBefore);
  });
  ended.catch(() => undefined); // also reported by whoever waits for `ended`
  const { signal } = options;
  const giveUp = (): void => void child.kill('SIGKILL');
  signal?.addEventListener('abort', giveUp, { once: true });
  if (signal?.aborted === true) giveUp();
  const ready = await Promise.race([firstLine(child), closed]);
  signal?.removeEventListener('abort', giveUp);
  throwIfAborted(signal);
  if (typeof ready !== 'string') throw deathOf(ready.code, ready.signal, log, killsBefore);
  const { address, pid, metrics } = JSON.parse(ready) as { address: string; pid: number; metrics?: string };
  return {
    address,
    processId: pid,
    metricsAddress: metrics,
    ended,
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      const timer = setTimeout(kill, STOP_GRACE_MS);
      await closed.finally(() => clearTimeout(timer));
    },
  };
}

const metricsAddress = ({ host = METRICS_HOST, port }: NonNullable<StandaloneOptions['metrics']>): string =>
  `${host}:${port}`;

/** Python checks the same, but seconds later, when torch is loaded. */
function checkAddress({ address, token, tls, insecure }: StandaloneOptions): void {
  const parsed = parseAddress(address);
  if (token !== undefined) checkToken(token);
  const asksWho = token !== undefined || tls?.clientCa !== undefined;
  if (parsed.kind === 'unix' || parsed.loopback || asksWho || insecure === true) return;
  throw new MrpoError(
    'usage',
    `address ${address}: other machines can reach it, and everyone would be let in (TLS alone only encrypts)`,
    {
      hint: 'Set a token (MRPO_TOKEN), or ask for client certificates (--tls-client-ca), or use a loopback address; or say --insecure.',
    },
  );
}

function argumentsOf(options: StandaloneOptions): string[] {
  const { address, token, tls, insecure, roots = [], threads, device, clientGraceSeconds, metrics } = options;
  return [
    ...['--with-parent', '--address', address],
    ...(token === undefined ? [] : ['--token-env', TOKEN_VARIABLE]),
    ...(tls === undefined ? [] : ['--tls-cert', tls.cert, '--tls-key', tls.key]),
    ...(tls?.clientCa === undefined ? [] : ['--tls-client-ca', tls.clientCa]),
    ...(insecure === true ? ['--insecure'] : []),
    ...(threads === undefined ? [] : ['--threads', String(threads)]),
    ...(device === undefined ? [] : ['--device', device]),
    ...(clientGraceSeconds === undefined ? [] : ['--client-grace', String(clientGraceSeconds)]),
    ...(metrics === undefined ? [] : ['--metrics-port', String(metrics.port)]),
    ...(metrics?.host === undefined ? [] : ['--metrics-host', metrics.host]),
    ...(roots.length === 0 ? [] : ['--roots', ...roots]),
  ];
}

function environmentOf({ token, threads }: StandaloneOptions): NodeJS.ProcessEnv {
  return {
    ...process.env,
    PYTHONPATH: pythonPath(),
    ...(token === undefined ? {} : { [TOKEN_VARIABLE]: token }),
    ...(threads === undefined ? {} : { OMP_NUM_THREADS: String(threads) }),
  };
}

async function firstLine(child: ChildProcessByStdio<null, Readable, Readable>): Promise<string> {
  for await (const line of createInterface({ input: child.stdout })) return line;
  return new Promise(() => undefined); // the caller learns of the end by the process's exit
}

/** Python exits with code 2 for an address or option that it cannot use. */
function deathOf(
  code: number | null,
  signal: NodeJS.Signals | null,
  log: readonly string[],
  killsBefore: number | undefined,
): MrpoError {
  if (code === 2) return new MrpoError('usage', (log.at(-1) ?? '').replace(/^py_backend: (error: )?/, ''));
  return deathFault({ code, signal, lastLogLines: log.join('\n'), killsBefore });
}
