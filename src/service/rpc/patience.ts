/** How long the service waits for a caller who does not go on. */

/** All in milliseconds. */
export interface Patience {
  /** From a connection to its first call that is let in. Default 20 s. */
  readonly firstCallMs: number;
  /** Between two messages of a request that has not ended. Default 60 s. */
  readonly nextMessageMs: number;
  /** For one message to be read; then the call is ended, and as long again behind that its connection. Default 60 s. */
  readonly slowReaderMs: number;
}

/** What holds unless something else is said. */
export const PATIENCE: Patience = { firstCallMs: 20_000, nextMessageMs: 60_000, slowReaderMs: 60_000 };
