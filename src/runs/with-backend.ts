/**
 * The backend that some work needs: the caller's, which stays open, or one that is opened when first asked for and
 * closed after the work. Mistakes in the data are found before any Python starts.
 */
import type { Backend } from '../backend/backend.js';
import { openBackend } from '../backend/open.js';

/** The backend that some work uses. */
export interface BackendChoice {
  /** Stays open. Default: one that is opened for the work and closed after it. */
  readonly backend?: Backend | undefined;
  /** One that several runs share after each other, in place of `backend`: it stays open, and a failed one is renewed. */
  readonly shared?: SharedBackend | undefined;
  /** Address of a running backend, when none is given. Default: `MRPO_BACKEND`, else an embedded one. */
  readonly backendAddress?: string | undefined;
  /** Where `MRPO_BACKEND`, `MRPO_TOKEN` and `MRPO_TLS_*` are looked up. Default: the process's environment. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Gives the same backend at every call. */
export type OpenBackend = () => Promise<Backend>;
/** Lets go of a backend that has failed: the next call opens another one. Absent where the backend was given. */
export type RenewBackend = () => Promise<void>;

/** A backend that several runs use one after the other. */
export interface SharedBackend {
  readonly open: OpenBackend;
  readonly renew: RenewBackend;
}

/** A backend that is opened when first needed. */
export interface ChosenBackend {
  readonly open: OpenBackend;
  /** Closes a backend that was opened here, and the next `open` starts another; the caller's own stays open. */
  close(): Promise<void>;
}

/** The caller's backend, or one that starts when `open` is first called. */
export function chooseBackend({ backend, shared, backendAddress: address, env, signal }: BackendChoice): ChosenBackend {
  if (shared !== undefined) return { open: shared.open, close: () => Promise.resolve() };
  let opened: Promise<Backend> | undefined;
  return {
    open: async () => backend ?? (await (opened ??= openBackend({ address, env, signal }))),
    async close() {
      const own = opened;
      opened = undefined;
      // One that never opened or died has nothing to close, and the work's own error is the one that matters.
      await own?.then((it) => it.close()).catch(() => undefined);
    },
  };
}

/** Does work with a backend and closes it afterwards, unless it is the caller's own. */
export async function withBackend<T>(
  choice: BackendChoice,
  work: (open: OpenBackend, renew: RenewBackend | undefined) => Promise<T>,
): Promise<T> {
  const { shared } = choice;
  if (shared !== undefined) return work(shared.open, shared.renew);
  const { open, close } = chooseBackend(choice);
  try {
    return await work(open, choice.backend === undefined ? close : undefined);
  } finally {
    await close();
  }
}
