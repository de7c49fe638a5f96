/** The backend a command works with: a running one when an address is given, else an embedded one. */
import type { Backend } from './backend.js';
import { connectBackend } from './grpc/client.js';
import type { TlsFiles } from '../rpc/channel.js';
import { launchBackend, type LaunchOptions } from './launch.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Address of a running backend, or how to start one. */
export interface OpenBackendOptions extends LaunchOptions {
  /** `unix:/path` or `host:port`. Default: `MRPO_BACKEND`; with neither, an embedded backend is started. */
  readonly address?: string | undefined;
  /** Where `MRPO_BACKEND`, `MRPO_DEVICE`, `MRPO_TOKEN` and `MRPO_TLS_*` are looked up. Default: the process's environment. */
  readonly env?: Environment | undefined;
}

/**
 * Connects to a running backend or starts one. The caller closes the result, whatever it is.
 * @example
 * const backend = await openBackend();
 * console.log((await backend.info()).deviceName);
 * await backend.close();
 * @throws BackendFault `unreachable` or `unauthenticated` at an address; MrpoError `environment` if there is no Python
 * to start.
 */
export async function openBackend(options: OpenBackendOptions = {}): Promise<Backend> {
  const env = options.env ?? process.env;
  const address = options.address ?? valueOf(env, 'MRPO_BACKEND');
  if (address === undefined) return launchBackend({ device: valueOf(env, 'MRPO_DEVICE'), ...options });
  return connectBackend({ address, ...credentialsFrom(env), signal: options.signal });
}

/** Token and TLS files that the environment names. */
export function credentialsFrom(env: Environment): { token: string | undefined; tls: TlsFiles | undefined } {
  const ca = valueOf(env, 'MRPO_TLS_CA');
  const cert = valueOf(env, 'MRPO_TLS_CERT');
  const key = valueOf(env, 'MRPO_TLS_KEY');
  const tls = ca === undefined && cert === undefined && key === undefined ? undefined : { ca, cert, key };
  return { token: valueOf(env, 'MRPO_TOKEN'), tls };
}

/** An empty variable is one that is not set. */
function valueOf(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}
