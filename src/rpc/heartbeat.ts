/**
 * Signs of life. HTTP/2 keepalive is answered by gRPC's own threads, also when the Python behind it hangs. So while calls
 * are open, a small question is asked of Python itself; every answer and every message of any call counts. Silence for
 * too long ends the open calls with one fault, and later calls too, as long as nobody answers.
 */
import type { MrpoError } from '../core/errors.js';

/** Detects a server that stays connected but no longer answers; one per connection. */
export interface Heartbeat {
  /** Watches one open call: `silent` is called at most once, `touch` reports a message, `end` stops watching. */
  watch(silent: (fault: MrpoError) => void): { touch(): void; end(): void };
}

/** What a heartbeat asks, how long it waits, and what comes then. */
export interface HeartbeatOptions {
  /** Asks the server anything small; it must have a deadline of its own, so that its promise always settles. */
  readonly ask: () => Promise<unknown>;
  /** Open calls fail after this many milliseconds without any message or answer. */
  readonly silenceMs: number;
  /** Gives the error that calls fail with, and may put an end to the server. `seconds`: without a sign of life. */
  readonly giveUp: (seconds: number) => MrpoError;
  /** Whether the server is known to be suspended and may continue later. Default: it never is. */
  readonly asleep?: (() => boolean) | undefined;
  /** In place of `silenceMs` while it is suspended. Default: for ever. */
  readonly asleepMs?: number | undefined;
}

/** Makes the heartbeat of one connection. It asks about four times within `silenceMs` while calls are open, else never. */
export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { ask, silenceMs, giveUp, asleep = () => false, asleepMs = Infinity } = options;
  const watchers = new Set<(fault: MrpoError) => void>();
  let [lastSign, lastBeat, slept] = [0, 0, false];
  let lost: MrpoError | undefined;
  let timer: NodeJS.Timeout | undefined;
  const touch = (): void => {
    lastSign = performance.now();
    lost = undefined;
  };
  const beat = (): void => {
    const now = performance.now();
    const sleeps = asleep();
    // This process itself has stood still (Ctrl-Z, a sleeping laptop): what came meanwhile has not been read yet. A server
    // that has just woken gets its time to answer.
    if (now - lastBeat > silenceMs / 2 || (slept && !sleeps)) touch();
    [lastBeat, slept] = [now, sleeps];
    const quietMs = now - lastSign;
    if (quietMs >= (sleeps ? asleepMs : silenceMs)) {
      lost = giveUp(Math.round(quietMs / 1000));
      const open = [...watchers];
      watchers.clear();
      for (const silent of open) silent(lost);
    } else if (quietMs >= silenceMs / 5 && !sleeps) {
      void ask().then(touch, () => undefined);
    }
    if (watchers.size === 0) stop();
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  const watch = (silent: (fault: MrpoError) => void): void => {
    watchers.add(silent);
    if (timer !== undefined) return;
    lastBeat = performance.now();
    timer = setInterval(beat, silenceMs / 4).unref();
    if (lost === undefined) touch();
  };
  /** One question decides whether a server that was given up is back. */
  const watchAgain = (silent: (fault: MrpoError) => void): void => {
    watch(silent);
    void ask().then(touch, () => {
      if (lost !== undefined && watchers.delete(silent)) silent(lost);
    });
  };
  return {
    watch(silent) {
      if (lost === undefined) watch(silent);
      else watchAgain(silent);
      return {
        touch,
        end() {
          watchers.delete(silent);
          if (watchers.size === 0) stop();
        },
      };
    },
  };
}
