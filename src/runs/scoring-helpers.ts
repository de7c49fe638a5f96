/** Running backends that score a part of the references beside a run's own backend: opened when there is work for them. */
import type { HelperPool } from '../references/index.js';
import { chooseBackend, type BackendChoice, type ChosenBackend } from './with-backend.js';

/** A backend that is lent. */
export interface Loan {
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  /** Fires when it is wanted back. Default: never. */
  readonly recalled?: AbortSignal | undefined;
  /** Nothing of the borrower is on it any more. Default: nobody needs to know. */
  readonly giveBack?: (() => void) | undefined;
}

/** Who knows which backends are free. */
export interface BackendLender {
  /**
   * Asks for `most` backends at most, none of `without`. `lend` is called with those that are free now, and with those
   * that become free later.
   * @returns how to end the asking, once everything is given back.
   */
  ask(most: number, without: readonly string[], lend: (loans: readonly Loan[]) => void): () => void;
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
  const lender = 'ask' in from ? from : always(from);
  const chosen = new Map<string, ChosenBackend>();
  const at = (backendAddress: string): ChosenBackend => {
    const known = chosen.get(backendAddress) ?? chooseBackend({ backendAddress, env, signal });
    chosen.set(backendAddress, known);
    return known;
  };
  return {
    ask: (most, lost, join) =>
      lender.ask(most, [...lost], (loans) =>
        join(loans.map(({ address, ...loan }) => ({ ...loan, name: address, open: at(address).open }))),
      ),
    async close() {
      await Promise.all([...chosen.values()].map(({ close }) => close()));
    },
  };
}

const always = (addresses: readonly string[]): BackendLender => ({
  ask(most, without, lend) {
    const free = addresses.filter((address) => !without.includes(address)).slice(0, most);
    lend(free.map((address) => ({ address })));
    return () => undefined;
  },
});
