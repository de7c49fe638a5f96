/**
 * Signs of life. HTTP/2 keepalive is answered by gRPC's own threads, also when the Python behind it hangs. So while
 * calls without a deadline are open, a small question is asked of Python itself; every answer and every message of any
 * call counts. Silence for too long ends the open calls with one fault.
 */
import type { MrpoError } from '../core/errors.js';
import type { RpcService } from './service.js';

/** Detects a server that stays connected but no longer answers; one per connection. */
export interface Heartbeat {
  /** Watches one open call: `silent` is called at most once, `touch` reports a message, `end` stops watching. */
  watch(silent: (fault: MrpoError) => void): { touch(): void; end(): void };
}

/**
 * Makes the heartbeat of one connection. It asks about four times within `silenceMs` while calls are open, and never
 * otherwise.
 * @param ask Asks the server anything small; it must have a deadline of its own, so that its promise always settles.
 * @param silenceMs Open calls fail with `unreachable` after this many milliseconds without any message or answer.
 * @param asleep Whether the server is known to be suspended and to continue later: then its silence means nothing.
 */
export function createHeartbeat(
  ask: () => Promise<unknown>,
  silenceMs: number,
  service: RpcService,
  address: string,
  asleep: () => boolean = () => false,
): Heartbeat {
  const watchers = new Set<(fault: MrpoError) => void>();
  let lastSign = 0;
  let lastBeat = 0;
  let timer: NodeJS.Timeout | undefined;
  const touch = (): void => {
    lastSign = performance.now();
  };
  const beat = (): void => {
    const now = performance.now();
    // This process itself has stood still (Ctrl-Z, a sleeping laptop): what came meanwhile has not been read yet.
    if (now - lastBeat > silenceMs / 2 || asleep()) touch();
    lastBeat = now;
    const quietMs = now - lastSign;
    if (quietMs >= silenceMs) {
      const fault = service.transportFault(
        'unreachable',
        `the ${service.peer} at ${address} has given no sign of life for ${Math.round(quietMs / 1000)} s`,
        { hint: 'Its process hangs or its machine is gone; restart it.' },
      );
      const open = [...watchers];
      watchers.clear();
      for (const silent of open) silent(fault);
    } else if (quietMs >= silenceMs / 5) {
      void ask().then(touch, () => undefined);
    }
    if (watchers.size === 0) stop();
  };
  const stop = (): void => {
    clearInterval(timer);
    timer = undefined;
  };
  return {
    watch(silent) {
      if (timer === undefined) {
        touch();
        lastBeat = lastSign;
        timer = setInterval(beat, silenceMs / 4).unref();
      }
      watchers.add(silent);
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
