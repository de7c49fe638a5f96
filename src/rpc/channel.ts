/** How a server is dialled: credentials, token, keepalive and message limits. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Metadata, credentials, type CallOptions, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { MrpoError } from '../core/errors.js';
import { isLocal, type Address } from './address.js';
import { checkToken } from './token.js';
import { isTraced, tracedCalls, untracedCall } from './traced-calls.js';

/** Largest message, on both ends. Senders chunk far below it. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** PEM files. Any one of them switches TLS on. */
export interface TlsFiles {
  /** Certificate authority that signed the server's certificate. Default: the system's. */
  readonly ca?: string | undefined;
  /** Certificate and key of this client, for servers that ask for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Name in the server's certificate when it is not the host dialled. */
  readonly serverName?: string | undefined;
}

/** Options of every channel, local or remote: message limits in bytes, pauses between attempts to connect in ms. */
export const CHANNEL_OPTIONS: ClientOptions = {
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5_000,
};

/**
 * Pings find a peer on another machine that vanished silently; the server takes them every 10 s and oftener. On this
 * machine the system itself tells of every end, and a peer that only sleeps must not be taken for one that is gone.
 */
const KEEPALIVE: ClientOptions = {
  'grpc.keepalive_time_ms': 25_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
};

/** Options of one channel: with `serverName`, that is the name the server's certificate must carry. */
export function channelOptions(address: Address, tls: TlsFiles | undefined): ClientOptions {
  return {
    ...CHANNEL_OPTIONS,
    ...(isLocal(address) ? {} : KEEPALIVE),
    ...(isTraced() && { interceptors: [tracedCalls] }),
    ...(tls?.serverName !== undefined && { 'grpc.ssl_target_name_override': tls.serverName }),
  };
}

/** TLS where files are given, plain text elsewhere. A token never leaves the machine in plain text. */
export function channelCredentials(
  address: Address,
  tls: TlsFiles | undefined,
  token: string | undefined,
): ChannelCredentials {
  if (tls !== undefined && address.kind === 'tcp') {
    const { ca, key, cert } = readTls(tls);
    return credentials.createSsl(ca, key, cert);
  }
  if (address.kind === 'tcp' && !address.loopback && token !== undefined) {
    throw new MrpoError('usage', `${address.target}: a token would travel in plain text`, {
      hint: 'Set MRPO_TLS_CA to the certificate authority of the server, or use an SSH tunnel to a loopback address.',
    });
  }
  return credentials.createInsecure();
}

/** Options of a call that only asks whether somebody is there; it is no part of a trace. */
export const signOfLife = (timeoutMs: number): CallOptions => ({ deadline: Date.now() + timeoutMs, ...untracedCall() });

/** Metadata of every call. */
export function callMetadata(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token === undefined) return metadata;
  checkToken(token); // grpc-js would show it in its error
  metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

/** The contents of the files, null where none is named. Throws code `usage` for files that are not what they should be. */
export function readTls(tls: TlsFiles): { ca: Buffer | null; cert: Buffer | null; key: Buffer | null } {
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new MrpoError('usage', 'TLS: a client certificate needs its key, and a key its certificate', {
      hint: 'Set both MRPO_TLS_CERT and MRPO_TLS_KEY, or neither.',
    });
  }
  const ca = readPem(tls.ca, 'certificate authority', (pem) => new X509Certificate(pem));
  const cert = readPem(tls.cert, 'certificate', (pem) => new X509Certificate(pem));
  const key = readPem(tls.key, 'key', (pem) => createPrivateKey(pem));
  if (cert !== undefined && key !== undefined && !cert.parsed.checkPrivateKey(key.parsed)) {
    throw new MrpoError('usage', `TLS: the key ${tls.key ?? ''} does not belong to the certificate ${tls.cert ?? ''}`, {
      hint: 'Look at MRPO_TLS_CERT and MRPO_TLS_KEY.',
    });
  }
  return { ca: ca?.bytes ?? null, cert: cert?.bytes ?? null, key: key?.bytes ?? null };
}

function readPem<T>(
  path: string | undefined,
  what: string,
  parse: (pem: Buffer) => T,
): { bytes: Buffer; parsed: T } | undefined {
  if (path === undefined) return undefined;
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new MrpoError('usage', `TLS ${what}: cannot read ${path}`, { cause });
  }
  try {
    return { bytes, parsed: parse(bytes) };
  } catch (cause) {
    throw new MrpoError('usage', `TLS ${what}: ${path} is none (PEM, without a password)`, { cause });
  }
}
