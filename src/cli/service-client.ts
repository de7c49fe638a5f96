/** The service that a command asks: `--service`, else `MRPO_SERVICE`. */
import { MrpoError } from '../core/errors.js';
import { connect, type RunsClient } from '../service/client/connect.js';
import type { TlsFiles } from '../rpc/channel.js';
import type { ServiceNote } from '../store/service-note.js';
import type { CliIo } from './command.js';

const valueOf = (io: CliIo, name: string): string | undefined => (io.env[name] === '' ? undefined : io.env[name]);

/** Address of the service, where there is one. */
export const serviceAddress = (io: CliIo, flag: string | undefined): string | undefined =>
  flag ?? valueOf(io, 'MRPO_SERVICE');

/**
 * A connection to the service that the flag or the environment names; the token is `MRPO_SERVICE_TOKEN`.
 * @throws MrpoError `usage` where none is named.
 */
export function openService(io: CliIo, flag: string | undefined): RunsClient {
  const address = serviceAddress(io, flag);
  if (address === undefined) {
    throw new MrpoError('usage', 'which service?', {
      hint: 'Start one with "mrpo serve", then give its address with --service or MRPO_SERVICE.',
    });
  }
  return connectService(io, address, io.signal);
}

/** A connection to the service at an address. @param signal Ends every call that has no signal of its own. */
export const connectService = (io: CliIo, address: string, signal: AbortSignal | undefined): RunsClient =>
  connect({ address, token: valueOf(io, 'MRPO_SERVICE_TOKEN'), tls: tlsFrom(io), signal });

function tlsFrom(io: CliIo): TlsFiles | undefined {
  const [ca, cert, key] = ['MRPO_TLS_CA', 'MRPO_TLS_CERT', 'MRPO_TLS_KEY'].map((name) => valueOf(io, name));
  return ca === undefined && cert === undefined && key === undefined ? undefined : { ca, cert, key };
}

/** A run of a service as an argument of `mrpo runs`, for hints: the id, and the service where MRPO_SERVICE does not say it. */
export const runArgument = (io: CliIo, { address, id }: ServiceNote): string =>
  valueOf(io, 'MRPO_SERVICE') === address ? id : `${id} --service ${address}`;

/** A label as a flag says it: KEY=VALUE. */
export function labelOf(text: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new MrpoError('usage', `--label ${text}: expected KEY=VALUE`);
}
