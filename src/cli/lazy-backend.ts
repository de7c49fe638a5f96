/** A backend that is opened when first asked for and closed at the end if it was. */
import type { Backend } from '../backend/backend.js';
import type { CliIo } from './command.js';

/** A backend that may never be opened. */
export interface LazyBackend {
  /** The same backend at every call. */
  open(): Promise<Backend>;
  /** Does nothing if it was never opened. */
  close(): Promise<void>;
}

/**
 * Nothing is started before the first `open`.
 * @param address A running backend; absent: `MRPO_BACKEND`, else one is started.
 */
export function lazyBackend(io: CliIo, address: string | undefined): LazyBackend {
  let opened: Promise<Backend> | undefined;
  return {
    open() {
      // Loaded on demand: what the cache answers needs neither gRPC nor Python.
      opened ??= import('../backend/open.js').then(({ openBackend }) =>
        openBackend({ address, env: io.env, signal: io.signal }),
      );
      return opened;
    },
    async close() {
      const backend = await opened?.catch(() => undefined);
      await backend?.close();
    },
  };
}
