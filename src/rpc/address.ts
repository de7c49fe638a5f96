/** Where a server listens: `unix:/path`, a bare absolute path, or `host:port`. */
import { isAbsolute } from 'node:path';
import { MrpoError } from '../core/errors.js';

/** A parsed address. `target` is the text that gRPC dials; `loopback` means that the host is this machine. */
export type Address =
  | { readonly kind: 'unix'; readonly target: string }
  | { readonly kind: 'tcp'; readonly target: string; readonly host: string; readonly loopback: boolean };

/** Longest socket path that every system takes; Node cuts a longer one silently. */
const MAX_SOCKET_PATH = 103;

/** `target` is what gRPC dials. Throws code `usage` for anything that is not an address. */
export function parseAddress(address: string): Address {
  if (address.startsWith('unix:') || isAbsolute(address)) {
    const path = address.replace(/^unix:(\/\/(?=\/))?/, '');
    if (Buffer.byteLength(path) > MAX_SOCKET_PATH) {
      throw badAddress(address, `a socket path of at most ${MAX_SOCKET_PATH} bytes`);
    }
    return { kind: 'unix', target: `unix:${path}` };
  }
  const parts = /^(?<host>\[[\da-fA-F:.]+\]|[^:/\s]+):(?<port>\d{1,5})$/.exec(address)?.groups;
  const host = parts?.['host'];
  if (host === undefined || Number(parts?.['port']) > 65535)
    throw badAddress(address, 'unix:/path or host:port (port 0 to 65535)');
  return { kind: 'tcp', target: address, host, loopback: isLoopback(host) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}

function badAddress(address: string, expected: string): MrpoError {
  return new MrpoError('usage', `address: got "${address}", expected ${expected}`, {
    hint: 'For example 127.0.0.1:50051 or unix:/tmp/mrpo.sock.',
  });
}

/** Whether the peer is a process of this machine. */
export const isLocal = (address: Address): boolean => address.kind === 'unix' || address.loopback;
