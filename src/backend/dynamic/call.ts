/** Calls any method of a running backend with plain JSON values; the .proto is read at run time. */
import { Client, type ClientDuplexStream } from '@grpc/grpc-js';
import { MrpoError } from '../../core/errors.js';
import { abortError } from '../../core/abort.js';
import { parseAddress } from '../../rpc/address.js';
import { callMetadata, channelCredentials, channelOptions, type TlsFiles } from '../../rpc/channel.js';
import { faultOfStatus, isServiceError } from '../../rpc/status.js';
import { BACKEND_SERVICE } from '../grpc/service.js';
import { loadService } from './schema.js';

/** Which backend is called, and how. */
export interface DynamicCallOptions {
  /** `unix:/path` or `host:port`. */
  readonly address: string;
  readonly token?: string | undefined;
  readonly tls?: TlsFiles | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Answers of `method` to `requests`: exactly one, except where the method takes a stream. */
export async function* callMethod(
  method: string,
  requests: readonly object[],
  options: DynamicCallOptions,
): AsyncGenerator<object> {
  const service = loadService();
  const { path, requestStream, requestSerialize, responseDeserialize } = service.method(method);
  if (!requestStream && requests.length !== 1) {
    throw new MrpoError('usage', `${method}: got ${requests.length} requests, expected one`);
  }
  for (const request of requests) service.checkRequest(service.method(method), request);
  const address = parseAddress(options.address);
  const credentials = channelCredentials(address, options.tls, options.token);
  const client = new Client(address.target, credentials, channelOptions(address, options.tls));
  // On the wire every kind of call is a stream each way, so one kind of client call serves them all.
  const call: ClientDuplexStream<object, object> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    callMetadata(options.token),
  );
  const cancel = (): void => call.cancel();
  options.signal?.addEventListener('abort', cancel, { once: true });
  try {
    for (const request of requests) call.write(request);
    call.end();
    for await (const answer of call) yield answer as object;
  } catch (thrown) {
    if (options.signal?.aborted === true) throw abortError(options.signal);
    if (!isServiceError(thrown)) throw thrown;
    throw await faultOfStatus(thrown, method, BACKEND_SERVICE, { ...options, tls: options.tls, ended: undefined });
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    call.cancel();
    client.close();
  }
}
