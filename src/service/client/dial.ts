/** The channel to a service. */
import { setMaxListeners } from 'node:events';
import * as pb from '../../gen/mrpo/runs/v1/runs.js';
import { parseAddress } from '../../rpc/address.js';
import { callMetadata, channelCredentials, channelOptions, signOfLife, type TlsFiles } from '../../rpc/channel.js';
import { createHeartbeat } from '../../rpc/heartbeat.js';
import { isSilence, silenceFault } from '../../rpc/status.js';
import { RunsFault } from '../fault.js';
import { RUNS_SERVICE, type RunConnection } from './runs-service.js';

/** How a service is reached. */
export interface ConnectServiceOptions {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  readonly token?: string | undefined;
  readonly tls?: TlsFiles | undefined;
  /** Ends every call that has no signal of its own. */
  readonly signal?: AbortSignal | undefined;
}

const SILENCE_MS = 60_000;
const ASK_TIMEOUT_MS = 10_000;

/** A connection that its owner closes. */
export interface OpenConnection extends RunConnection {
  close(): void;
}

/** Nothing is sent before the first call. */
export function dial(options: ConnectServiceOptions): OpenConnection {
  const address = parseAddress(options.address);
  const credentials = channelCredentials(address, options.tls, options.token);
  const client = new pb.RunServiceClient(address.target, credentials, channelOptions(address, options.tls));
  const metadata = callMetadata(options.token);
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one for each open call, however many
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.getServiceInfo({}, metadata, signOfLife(ASK_TIMEOUT_MS), (error) =>
        isSilence(error) ? reject(error) : resolve(),
      );
    });
  return {
    service: RUNS_SERVICE,
    client,
    address: options.address,
    tls: options.tls,
    metadata,
    heartbeat: createHeartbeat({
      ask,
      silenceMs: SILENCE_MS,
      giveUp: (seconds) => silenceFault(RUNS_SERVICE, options.address, seconds),
    }),
    closed: closing.signal,
    ended: undefined,
    close() {
      closing.abort(new RunsFault('unreachable', `the connection to ${options.address} is closed`));
      client.close();
    },
  };
}
