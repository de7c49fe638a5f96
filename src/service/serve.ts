/** The service as a whole: opened, brought up to date, serving, stopped. */
import { mkdirSync, statSync } from 'node:fs';
import type { Metadata } from '@grpc/grpc-js';
import { MrpoError } from '../core/errors.js';
import { runFolder } from '../store/run-folder.js';
import { lockRun } from '../store/run-lock.js';
import { parseAddress } from '../rpc/address.js';
import { openAuditLog } from './access/audit.js';
import { createRoots } from './access/roots.js';
import { LOCAL_CALLER, openTokenFile, type Caller, type TokenFile } from './access/tokens.js';
import { createUploadStore } from './access/uploads.js';
import { startConductor, type ConductorTimes } from './conductor.js';
import { serviceHome } from './home.js';
import { openLedger } from './ledger.js';
import type { Limits, Service } from './methods/service.js';
import { createGate } from './queue/gate.js';
import type { BackendSlots } from './queue/slots.js';
import { createGuard } from './rpc/guard.js';
import { runServiceHandlers } from './rpc/handlers.js';
import { PATIENCE, type Patience } from './rpc/patience.js';
import { startServer, type RunningServer, type ServerTls } from './rpc/server.js';
import { createTelemetry } from './telemetry.js';

/** Where the service keeps things, listens and runs. */
export interface ServeOptions {
  /** Folder of the service. */
  readonly home: string;
  /** `host:port` (port 0 = any free one) or `unix:/path`. */
  readonly address: string;
  /** A socket (`unix:/path`) that it listens at too, with the same tokens and without TLS: for the page of this process. */
  readonly inner?: string | undefined;
  /** Default: one embedded backend. */
  readonly backends?: readonly BackendSlots[] | undefined;
  /** File of token hashes. Default: none; then only this machine may call, and everyone on it is an admin. */
  readonly tokens?: string | undefined;
  readonly tls?: ServerTls | undefined;
  /** Folders that paths of a spec may lie in. The first one is what relative paths are relative to. */
  readonly roots: readonly string[];
  readonly limits?: Partial<Limits> | undefined;
  readonly patience?: Partial<Patience> | undefined;
  /** Of the queue: when it looks at backends by address, and when one of them counts as gone. */
  readonly times?: Partial<ConductorTimes> | undefined;
  readonly allowModules?: boolean | undefined;
  /** Of the processes of runs. Default: the process's own. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly onLog?: ((line: string) => void) | undefined;
}

/** A service at work. */
export interface RunsService {
  /** Where it listens, with the port that it was given. */
  readonly address: string;
  readonly service: Service;
  /** What Prometheus asks for, in its text format. */
  metrics(): Promise<string>;
  /** Lets runs stop at their next step; they go on when the service is back. */
  stop(): Promise<void>;
}

/** 100 waiting runs and 10 GiB of uploads for each tenant. */
const DEFAULT_LIMITS: Limits = { maxWaiting: 100, maxUploadBytes: 10 * 2 ** 30 };

/** Plans and reports. */
const TASKS_AT_ONCE = 2;
const TASKS_WAITING = 20;

const CALLS_GRACE_MS = 2_000;
const RUNS_GRACE_MS = 30_000;

/**
 * Opens the folder, brings the index up to date, and serves.
 * @throws MrpoError `usage` for an address that must not be used so, a root that is no folder, or a folder that another
 *   service uses.
 */
export async function startService(options: ServeOptions): Promise<RunsService> {
  const { onLog = () => undefined } = options;
  checkAccess(options);
  checkRoots(options.roots);
  const home = serviceHome(options.home);
  mkdirSync(home.runs, { recursive: true, mode: 0o700 });
  const tokens = options.tokens === undefined ? undefined : openTokenFile(options.tokens);
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const lock = await lockRun(runFolder(home.path), 'service');
  const ledger = await openLedger(home).catch(async (thrown: unknown) => {
    await lock.release();
    throw thrown;
  });
  const backends = options.backends ?? [{ address: 'embedded', slots: 1 }];
  const env = options.env ?? process.env;
  const conductor = startConductor({
    ...{ home, ledger, backends, env, times: options.times },
    onTrouble: (error) => onLog(`queue: ${error.message}; it is tried again`),
  });
  const telemetry = createTelemetry();
  const audit = telemetry.counted(openAuditLog(home.audit));
  const service: Service = {
    home,
    ledger,
    conductor,
    backends,
    limits,
    env,
    gate: createGate(TASKS_AT_ONCE, TASKS_WAITING),
    roots: createRoots(options.roots, [home.path]),
    uploads: createUploadStore(home.uploads, limits.maxUploadBytes),
    allowModules: options.allowModules ?? false,
  };
  const callerOf = callerFrom(tokens);
  const onDefect = (error: Error, method: string): void => onLog(`${method}: ${error.stack ?? error.message}`);
  const patience = { ...PATIENCE, ...options.patience };
  const servers: RunningServer[] = [];
  const guard = createGuard({
    callerOf,
    audit,
    onDefect,
    slowReaderMs: patience.slowReaderMs,
    onStuck: (peer) => servers.forEach((server) => server.end(peer)),
  });
  const close = async (graceMs: number): Promise<void> => {
    await conductor.stop(graceMs);
    await audit.close();
    ledger.close();
    await lock.release();
  };
  try {
    const handlers = runServiceHandlers(service, guard);
    const onRefused = (method: string, peer: string): void =>
      audit.write({ caller: undefined, method, peer, outcome: 'unauthenticated', ms: 0 });
    const shared = { handlers, callerOf, patience, onRefused };
    const server = await startServer({ address: options.address, tls: options.tls, ...shared });
    servers.push(server);
    if (options.inner !== undefined) servers.push(await startServer({ address: options.inner, ...shared }));
    return {
      address: server.address,
      service,
      metrics: () => telemetry.text({ index: ledger.index, conductor, backends }),
      async stop() {
        setTimeout(guard.endStreams, CALLS_GRACE_MS / 2);
        await Promise.all(servers.map((one) => one.stop(CALLS_GRACE_MS)));
        await close(RUNS_GRACE_MS);
      },
    };
  } catch (thrown) {
    await Promise.all(servers.map((one) => one.stop(0)));
    await close(0);
    throw thrown;
  }
}

/** Nobody is let in by accident: another machine needs a token, and its token needs TLS. */
function checkAccess({ address, tokens, tls }: ServeOptions): void {
  const parsed = parseAddress(address);
  if (parsed.kind === 'unix' || parsed.loopback || (tokens !== undefined && tls !== undefined)) return;
  throw new MrpoError('usage', `address ${address}: other machines can reach it; expected tokens and TLS, both`, {
    hint: 'Give --tokens FILE and --tls-cert, --tls-key; or use a loopback address with an SSH tunnel.',
  });
}

/** A name that is mistyped would refuse every run that lies where it was meant to lead. */
function checkRoots(roots: readonly string[]): void {
  for (const root of roots) {
    if (statSync(root, { throwIfNoEntry: false })?.isDirectory() === true) continue;
    throw new MrpoError('usage', `--roots: got ${root}, expected a folder that exists`);
  }
}

/** One header, and a token that is known; of several, whoever reads another one would be deceived. */
function callerFrom(tokens: TokenFile | undefined): (metadata: Metadata) => Caller | undefined {
  if (tokens === undefined) return () => LOCAL_CALLER;
  return (metadata) => {
    const given = metadata.get('authorization');
    const [, token] = given.length === 1 ? (/^Bearer ([!-~]{1,512})$/.exec(String(given[0])) ?? []) : [];
    return token === undefined ? undefined : tokens.callerOf(token);
  };
}
