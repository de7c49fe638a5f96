/**
 * The backend that some work needs: the caller's, which stays open, or one that is opened when first asked for and
 * closed after the work. Mistakes in the data are found before any Python starts.
 */
import type { Backend } from '../backend/backend.js';
import { openBackend } from '../backend/open.js';

export interface BackendChoice {
  /** Stays open. Default: one that is opened for the work and closed after it. */
  readonly backend?: Backend | undefined;
  /** Address of a running backend, when none is given. Default: `MRPO_BACKEND`, else an embedded one. */
  readonly backendAddress?: string | undefined;
  /** Where `MRPO_BACKEND`, `MRPO_TOKEN` and `MRPO_TLS_*` are looked up. Default: the process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Gives the same backend at every call. */
export type OpenBackend = () => Promise<Backend>;

export async function withBackend<T>(choice: BackendChoice, work: (open: OpenBackend) => Promise<T>): Promise<T> {
  const { backend, backendAddress: address, env, signal } = choice;
  if (backend !== undefined) return work(async () => backend);
  let opened: Promise<Backend> | undefined;
  try {
    return await work(() => (opened ??= openBackend({ address, env, signal })));
  } finally {
    // One that never opened or died has nothing to close, and the work's own error is the one that matters.
    await opened?.then((own) => own.close()).catch(() => undefined);
  }
}
