/** Work on a backend: the caller's, which stays open, or one that is opened for it and closed after it. */
import type { Backend } from '../backend/backend.js';
import { openBackend } from '../backend/open.js';

export interface BackendChoice {
  /** Stays open. Default: one that is opened for the work and closed after it. */
  readonly backend?: Backend | undefined;
  /** Address of a running backend, when none is given. Default: `MRPO_BACKEND`, else an embedded one. */
  readonly backendAddress?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function withBackend<T>(choice: BackendChoice, work: (backend: Backend) => Promise<T>): Promise<T> {
  if (choice.backend !== undefined) return work(choice.backend);
  const backend = await openBackend({ address: choice.backendAddress, signal: choice.signal });
  try {
    return await work(backend);
  } finally {
    await backend.close().catch(() => undefined); // one that died has ended already
  }
}
