/** Running backends that score a part of the references beside a run's own backend: opened when there is work for them. */
import type { ScoringHelper } from '../references/index.js';
import { chooseBackend, type BackendChoice } from './with-backend.js';

/** Helpers with the connections to them. */
export interface ScoringHelpers {
  readonly list: readonly ScoringHelper[];
  /** Ends the connections; the backends run on. */
  close(): Promise<void>;
}

/** @param addresses `host:port` or `unix:/path`. Credentials are those of the run's own backend. */
export function helpersAt(
  addresses: readonly string[],
  { env, signal }: Pick<BackendChoice, 'env' | 'signal'>,
): ScoringHelpers {
  const chosen = addresses.map((backendAddress) => ({
    name: backendAddress,
    ...chooseBackend({ backendAddress, env, signal }),
  }));
  return {
    list: chosen,
    async close() {
      await Promise.all(chosen.map(({ close }) => close()));
    },
  };
}
