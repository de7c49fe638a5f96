/** The gRPC server: RunService, health and reflection behind one door, limits, and the address it is bound to. */
import { chmodSync, existsSync, readFileSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import {
  ResponderBuilder,
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  ServerListenerBuilder,
  logVerbosity,
  setLogVerbosity,
  type Metadata,
  type ServerInterceptor,
  type ServerOptions,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { MrpoError } from '../../core/errors.js';
import { parseAddress, type Address } from '../../rpc/address.js';
import { MAX_MESSAGE_BYTES } from '../../rpc/channel.js';
import type { Caller } from '../access/tokens.js';
import { RunsFault } from '../fault.js';
import { SERVICE_NAME } from '../protocol/schema.js';
import { createDoorkeeper, type Doorkeeper } from './doorkeeper.js';
import { RUN_SERVICE } from './handlers.js';
import type { Patience } from './patience.js';
import { runsReflection } from './reflection.js';
import { unauthenticated } from './guard.js';
import { statusOf } from './status.js';
import type { UntypedServiceImplementation } from '@grpc/grpc-js';

/** PEM files of the server. With `clientCa`, callers must show a certificate that it signed. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
}

/** Where the server listens, and what answers. */
export interface ServerConfig {
  readonly address: string;
  readonly tls?: ServerTls | undefined;
  readonly handlers: UntypedServiceImplementation;
  readonly callerOf: (metadata: Metadata) => Caller | undefined;
  readonly patience: Patience;
  /** Hears of calls that are not let in; no handler does. `method` as handlers are named, of other services with its path. */
  readonly onRefused?: ((method: string, peer: string) => void) | undefined;
}

/** A server that listens. */
export interface RunningServer {
  /** Where it listens, with the port that it was given. */
  readonly address: string;
  /** Ends the connection of a caller ("host:port") with all its calls. */
  end(peer: string): void;
  /** Says that it is not serving, and ends open calls after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const OPTIONS: ServerOptions = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_concurrent_streams': 1000,
  'grpc.keepalive_time_ms': 60_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.max_connection_idle_ms': 600_000,
  'grpc.enable_channelz': 0,
};

/** Listens and serves. @throws MrpoError `usage` for an address that cannot be listened on. */
export async function startServer({ address: asked, ...config }: ServerConfig): Promise<RunningServer> {
  const { tls, handlers, callerOf, patience, onRefused } = config;
  const address = parseAddress(asked);
  if (address.kind === 'unix') await clearStaleSocket(address.target);
  let keeper: Doorkeeper | undefined;
  const door = doorOf({
    callerOf,
    nextMessageMs: patience.nextMessageMs,
    onRefused,
    onAdmitted: (peer) => keeper?.admit(peer),
  });
  const server = new Server({ ...OPTIONS, interceptors: [door] });
  server.addService(RUN_SERVICE, handlers);
  const health = new HealthImplementation({ '': 'SERVING', [SERVICE_NAME]: 'SERVING' });
  health.addToServer(server);
  runsReflection().addToServer(server);
  const port = await bind(server, address, credentialsOf(tls));
  // A socket file is for this machine alone, and its callers have no names.
  if (address.kind !== 'unix') keeper = createDoorkeeper(port, patience.firstCallMs);
  return {
    address: address.kind === 'unix' ? address.target : asked.replace(/:\d+$/, `:${port}`),
    end: (peer) => keeper?.end(peer),
    async stop(graceMs) {
      for (const name of ['', SERVICE_NAME]) health.setStatus(name, 'NOT_SERVING');
      // forceShutdown would end only the connections that channelz knows, and it is off: watchers would keep the service.
      server.drain(address.target.replace(/:0$/, `:${port}`), graceMs);
      await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
      keeper?.close();
    },
  };
}

interface Door extends Pick<ServerConfig, 'callerOf' | 'onRefused'> {
  readonly nextMessageMs: number;
  readonly onAdmitted: (peer: string) => void;
}

/** `/mrpo.runs.v1.RunService/GetRun` is `getRun`. */
function methodAt(path: string): string {
  const own = `/${SERVICE_NAME}/`;
  if (!path.startsWith(own)) return path;
  const name = path.slice(own.length);
  return name.charAt(0).toLowerCase() + name.slice(1);
}

/**
 * Denies every call of every service without a token that is known, and ends one whose request has begun and does not go
 * on: no method waits for a caller for ever.
 */
function doorOf({ callerOf, nextMessageMs, onRefused, onAdmitted }: Door): ServerInterceptor {
  return ({ path }, call) => {
    const timer = setTimeout(() => call.sendStatus(statusOf(silent(nextMessageMs)) as never), nextMessageMs).unref();
    const listener = new ServerListenerBuilder()
      .withOnReceiveMetadata((metadata, next) => {
        if (callerOf(metadata) !== undefined) {
          onAdmitted(call.getPeer());
          next(metadata);
          return;
        }
        clearTimeout(timer);
        onRefused?.(methodAt(path), call.getPeer());
        call.sendStatus(statusOf(unauthenticated()) as never);
      })
      .withOnReceiveMessage((message, next) => {
        timer.refresh();
        next(message);
      })
      .withOnReceiveHalfClose((next) => {
        clearTimeout(timer);
        next();
      })
      .withOnCancel(() => clearTimeout(timer))
      .build();
    return new ServerInterceptingCall(call, new ResponderBuilder().withStart((next) => next(listener)).build());
  };
}

const silent = (patienceMs: number): RunsFault =>
  new RunsFault('request_invalid', `the request has not gone on for ${patienceMs / 1000} s`);

function bind(server: Server, address: Address, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    // gRPC writes what fails here to stderr too, less clearly; who has asked it to speak still hears it.
    const isAsked = ['GRPC_VERBOSITY', 'GRPC_NODE_VERBOSITY'].some((name) => process.env[name] !== undefined);
    if (!isAsked) setLogVerbosity(logVerbosity.NONE);
    server.bindAsync(address.target, credentials, (error, port) => {
      if (!isAsked) setLogVerbosity(logVerbosity.ERROR);
      if (error !== null) {
        // "No address added out of total 1 resolved errors: [listen EADDRNOTAVAIL: ...]" is gRPC's way to say the last part.
        const [, cause = error.message] = /errors: \[(?:listen )?(.*)\]$/s.exec(error.message) ?? [];
        const inUse = cause.includes('EADDRINUSE');
        const hint = inUse
          ? 'Stop the process that uses it, or choose another one (port 0 = any free one).'
          : undefined;
        reject(
          new MrpoError('usage', `address ${address.target}: ${inUse ? 'it is in use by another process' : cause}`, {
            cause: error,
            hint,
          }),
        );
        return;
      }
      if (address.kind === 'unix') chmodSync(address.target.replace(/^unix:/, ''), 0o600);
      resolve(port);
    });
  });
}

function credentialsOf(tls: ServerTls | undefined): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const pair = { cert_chain: readPem(tls.cert, 'certificate'), private_key: readPem(tls.key, 'key') };
  const authority = tls.clientCa === undefined ? null : readPem(tls.clientCa, 'client authority');
  try {
    return ServerCredentials.createSsl(authority, [pair], authority !== null);
  } catch (cause) {
    throw new MrpoError('usage', `TLS: ${tls.cert} and ${tls.key}: ${(cause as Error).message}`, { cause });
  }
}

function readPem(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new MrpoError('usage', `TLS ${what}: cannot read ${path}`, { cause });
  }
}

/** A socket that a dead service has left is removed; a live one is refused. */
async function clearStaleSocket(target: string): Promise<void> {
  const path = target.replace(/^unix:/, '');
  if (!existsSync(path)) return;
  const alive = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (alive) throw new MrpoError('usage', `address ${target}: it is in use by another process`);
  unlinkSync(path);
}
