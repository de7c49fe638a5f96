/** `mrpo backend`: the gRPC backend on its own, in the foreground. */
import { InvalidArgumentError, type Command } from 'commander';
import { startStandalone, type StandaloneOptions } from '../../backend/standalone.js';
import { MrpoError } from '../../core/errors.js';
import { printJson, type CliIo } from '../command.js';

interface BackendOptions {
  readonly address?: string;
  readonly tokenEnv: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly insecure?: boolean;
  readonly roots?: readonly string[];
  readonly threads?: number;
  readonly device?: string;
  readonly clientGrace?: number;
  readonly metricsPort?: number;
  readonly metricsHost?: string;
  readonly json?: boolean;
}

const DEFAULT_ADDRESS = '127.0.0.1:50051';

/** Adds `mrpo backend`, which serves until Ctrl-C; then the exit code is 0. */
export function registerBackend(program: Command, io: CliIo): void {
  program
    .command('backend')
    .description('run the gRPC backend on its own, until Ctrl-C; other processes use it with --backend or MRPO_BACKEND')
    .option(
      '--address <address>',
      `unix:/path or host:port, port 0 = any free one (default: MRPO_BACKEND, else ${DEFAULT_ADDRESS})`,
    )
    .option('--token-env <name>', 'environment variable with the token that callers must send', 'MRPO_TOKEN')
    .option('--tls-cert <file>', 'certificate chain, PEM (default: MRPO_TLS_CERT)')
    .option('--tls-key <file>', 'private key, PEM (default: MRPO_TLS_KEY)')
    .option(
      '--tls-client-ca <file>',
      'authority, PEM, that must have signed the certificates of callers (default: MRPO_TLS_CLIENT_CA)',
    )
    .option('--insecure', 'let other machines call without a token or a client certificate')
    .option('--roots <folders...>', 'read and write models only below these folders')
    .option('--threads <number>', 'CPU threads', positiveInteger)
    .option('--device <device>', 'auto, cpu, cuda or cuda:1 (default: MRPO_DEVICE, else auto)')
    .option('--client-grace <seconds>', 'how long the models of a client that has gone are kept', positiveInteger, 600)
    .option('--metrics-port <number>', 'serve GET /metrics for Prometheus; 0 = any free port', port)
    .option(
      '--metrics-host <host>',
      'where --metrics-port listens; a token of the backend is asked for there too (default: 127.0.0.1)',
    )
    .option('--json', 'print one JSON object when it listens: address, processId, metrics')
    .addHelpText(
      'after',
      `
Examples:
  $ npx mrpo backend --address 127.0.0.1:50051
  $ MRPO_BACKEND=127.0.0.1:50051 npx mrpo train my-run.yaml        (in another terminal)
  $ MRPO_TOKEN=... npx mrpo backend --address 0.0.0.0:50051 --tls-cert server.pem --tls-key server.key
  $ npx mrpo backend --address 0.0.0.0:50051 --tls-cert server.pem --tls-key server.key --tls-client-ca ca.pem

Others are let in with the token, or with a certificate that the authority signed. The log goes to stderr. Ctrl-C lets calls in progress end for a few seconds; the exit code is then 0.
`,
    )
    .action((options: BackendOptions) => runBackend(options, io));
}

async function runBackend(options: BackendOptions, io: CliIo): Promise<void> {
  const backend = await startStandalone({
    address: options.address ?? valueOf(io, 'MRPO_BACKEND') ?? DEFAULT_ADDRESS,
    token: tokenFrom(options, io),
    tls: tlsFrom(options, io),
    insecure: options.insecure,
    roots: options.roots,
    threads: options.threads,
    device: options.device ?? valueOf(io, 'MRPO_DEVICE'),
    clientGraceSeconds: options.clientGrace,
    metrics: metricsFrom(options),
    signal: io.signal,
    onLog: (line) => io.note(`${line}\n`),
  });
  const { address, processId, metricsAddress: metrics } = backend;
  if (options.json === true) printJson(io, { address, processId, metrics });
  else {
    io.note(`listening at ${address} (process ${processId}); Ctrl-C ends it\n`);
    if (metrics !== undefined) io.note(`metrics for Prometheus at ${metrics}/metrics\n`);
  }
  const stop = (): void => void backend.stop();
  io.signal.addEventListener('abort', stop, { once: true });
  await backend.ended;
}

function metricsFrom({ metricsPort: port, metricsHost: host }: BackendOptions): StandaloneOptions['metrics'] {
  if (port !== undefined) return { port, host };
  if (host === undefined) return undefined;
  throw new MrpoError('usage', '--metrics-host: got a host only', { hint: 'Give --metrics-port too.' });
}

/** A variable that was named must be there; the default one may be absent. */
function tokenFrom(options: BackendOptions, io: CliIo): string | undefined {
  const token = valueOf(io, options.tokenEnv);
  if (token === undefined && options.tokenEnv !== 'MRPO_TOKEN') {
    throw new MrpoError('usage', `--token-env: the environment variable ${options.tokenEnv} is not set or empty`);
  }
  return token;
}

function tlsFrom(options: BackendOptions, io: CliIo): StandaloneOptions['tls'] {
  const cert = options.tlsCert ?? valueOf(io, 'MRPO_TLS_CERT');
  const key = options.tlsKey ?? valueOf(io, 'MRPO_TLS_KEY');
  const clientCa = options.tlsClientCa ?? valueOf(io, 'MRPO_TLS_CLIENT_CA');
  if (cert !== undefined && key !== undefined) return { cert, key, clientCa };
  if (cert === undefined && key === undefined) {
    if (clientCa === undefined) return undefined;
    throw new MrpoError('usage', 'TLS: client certificates are asked for, but the backend has none of its own', {
      hint: 'Give --tls-cert and --tls-key, or MRPO_TLS_CERT and MRPO_TLS_KEY.',
    });
  }
  throw new MrpoError('usage', `TLS: got a ${cert === undefined ? 'key' : 'certificate'} only, expected both`, {
    hint: 'Give --tls-cert and --tls-key, or MRPO_TLS_CERT and MRPO_TLS_KEY.',
  });
}

function valueOf(io: CliIo, name: string): string | undefined {
  const value = io.env[name];
  return value === '' ? undefined : value;
}

function port(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65535)
    throw new InvalidArgumentError(`got "${text}", expected 0 to 65535`);
  return value;
}

function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError(`got "${text}", expected 1, 2, 3, ...`);
  return value;
}
