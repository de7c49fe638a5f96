/** Running backends that score a part of the references beside a run's own backend: opened when there is work for them. */
import type { HelperPool } from '../references/index.js';
import { chooseBackend, type BackendChoice, type ChosenBackend } from './with-backend.js';

/** Who knows which backends are free. */
export interface BackendLender {
  /** Addresses (`host:port` or `unix:/path`) of backends that are free now: `most` at most, none of `without`. */
  lend(most: number, without: readonly string[]): Promise<readonly string[]>;
  /** Nothing more is asked of those that were lent. */
  giveBack(): void;
}

/** Helpers with the connections to them. */
export interface OpenPool extends HelperPool {
  /** Ends the connections; the backends run on. */
  close(): Promise<void>;
}

/** @param from Addresses of backends that are always free, or who lends some. Credentials are those of the run's own. */
export function helpersFrom(
  from: readonly string[] | BackendLender,
  { env, signal }: Pick<BackendChoice, 'env' | 'signal'>,
): OpenPool {
  const lender = 'lend' in from ? from : always(from);
  const chosen = new Map<string, ChosenBackend>();
  const at = (backendAddress: string): ChosenBackend => {
    const known = chosen.get(backendAddress) ?? chooseBackend({ backendAddress, env, signal });
    chosen.set(backendAddress, known);
    return known;
  };
  return {
    async lend(most, lost) {
      const addresses = await lender.lend(most, [...lost]);
      return addresses.map((name) => ({ name, open: at(name).open }));
    },
    giveBack: () => lender.giveBack(),
    async close() {
      await Promise.all([...chosen.values()].map(({ close }) => close()));
    },
  };
}

const always = (addresses: readonly string[]): BackendLender => ({
  lend: async (most, without) => addresses.filter((address) => !without.includes(address)).slice(0, most),
  giveBack: () => undefined,
});
