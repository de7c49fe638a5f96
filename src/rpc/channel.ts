/** How a server is dialled: credentials, token, keepalive and message limits. */
import { readFileSync } from 'node:fs';
import { Metadata, credentials, type ChannelCredentials, type ClientOptions } from '@grpc/grpc-js';
import { MrpoError } from '../core/errors.js';
import type { Address } from './address.js';

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

/** Pings find a peer that vanished without a word; the server takes them every 10 s and oftener. */
export const CHANNEL_OPTIONS: ClientOptions = {
  'grpc.keepalive_time_ms': 25_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
  'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  'grpc.initial_reconnect_backoff_ms': 200,
  'grpc.max_reconnect_backoff_ms': 5_000,
};

/** Options of one channel: with `serverName`, that is the name the server's certificate must carry. */
export function channelOptions(tls: TlsFiles | undefined): ClientOptions {
  if (tls?.serverName === undefined) return CHANNEL_OPTIONS;
  return { ...CHANNEL_OPTIONS, 'grpc.ssl_target_name_override': tls.serverName };
}

/** TLS where files are given, plain text elsewhere. A token never leaves the machine in plain text. */
export function channelCredentials(
  address: Address,
  tls: TlsFiles | undefined,
  token: string | undefined,
): ChannelCredentials {
  if (tls !== undefined && address.kind === 'tcp') {
    if ((tls.cert === undefined) !== (tls.key === undefined)) {
      throw new MrpoError('usage', 'TLS: a client certificate needs its key, and a key its certificate', {
        hint: 'Set both MRPO_TLS_CERT and MRPO_TLS_KEY, or neither.',
      });
    }
    return credentials.createSsl(
      readPem(tls.ca, 'certificate authority'),
      readPem(tls.key, 'key'),
      readPem(tls.cert, 'certificate'),
    );
  }
  if (address.kind === 'tcp' && !address.loopback && token !== undefined) {
    throw new MrpoError('usage', `${address.target}: a token would travel in plain text`, {
      hint: 'Set MRPO_TLS_CA to the certificate authority of the server, or use an SSH tunnel to a loopback address.',
    });
  }
  return credentials.createInsecure();
}

/** Metadata of every call. */
export function callMetadata(token: string | undefined): Metadata {
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  return metadata;
}

function readPem(path: string | undefined, what: string): Buffer | null {
  if (path === undefined) return null;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new MrpoError('usage', `TLS ${what}: cannot read ${path}`, { cause });
  }
}
