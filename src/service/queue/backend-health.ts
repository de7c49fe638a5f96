/**
 * Which backends answer. A backend that is gone must get no run while another one lives: its slots would be the freest of
 * all, and every run that it fails would make room for the next.
 */
import { connect } from 'node:net';
import { parseAddress } from '../../rpc/address.js';
import { EMBEDDED } from '../worker/exit-codes.js';

/** Looks at the addresses of backends again and again. */
export interface BackendHealth {
  /** Whether nobody listened there at the last look. One that was not looked at yet is taken to be there. */
  isAway(address: string): boolean;
  /** Milliseconds since it has gone; 0 = it is there. */
  awayFor(address: string): number;
  /**
   * Told by who has tried: nobody answers there. A backend that hangs takes connections all the same, so it counts as away
   * for a while, and for twice as long each time.
   */
  noteAway(address: string): void;
  stop(): void;
}

const PATIENCE_MS = 3_000;
/** Looks that a backend which was tried in vain is left alone for, at most; as long again, and its past is forgotten. */
const MOST_LOOKS = 60;

/** @param everyMs Between two looks. @param onLook Called after each look at all of them. */
export function watchBackends(addresses: readonly string[], everyMs: number, onLook: () => void): BackendHealth {
  const awaySince = new Map<string, number>();
  const watched = [...new Set(addresses)].filter((address) => address !== EMBEDDED);
  const inVain = new Map<string, { readonly times: number; readonly until: number }>();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const setAway = (address: string): void => {
    if (watched.includes(address) && !awaySince.has(address)) awaySince.set(address, performance.now());
  };
  const noteAway = (address: string): void => {
    setAway(address);
    const now = performance.now();
    const before = inVain.get(address);
    const times = before === undefined || now > before.until + MOST_LOOKS * everyMs ? 0 : before.times + 1;
    inVain.set(address, { times, until: now + Math.min(2 ** times, MOST_LOOKS) * everyMs });
  };
  const look = async (): Promise<void> => {
    const listening = await Promise.all(watched.map(isListening));
    if (stopped) return;
    watched.forEach((address, i) => {
      if (listening[i] !== true) setAway(address);
      else if (performance.now() >= (inVain.get(address)?.until ?? 0)) awaySince.delete(address);
    });
    onLook();
    timer = setTimeout(() => void look(), everyMs).unref();
  };
  if (watched.length > 0) void look();
  return {
    isAway: (address) => awaySince.has(address),
    awayFor(address) {
      const since = awaySince.get(address);
      return since === undefined ? 0 : performance.now() - since;
    },
    noteAway,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/** Whether somebody takes a connection there. Nothing is said on it. */
async function isListening(address: string): Promise<boolean> {
  const parsed = parseAddress(address);
  const at = parsed.target.lastIndexOf(':');
  const where =
    parsed.kind === 'unix'
      ? { path: parsed.target.replace(/^unix:/, '') }
      : { host: parsed.host.replace(/^\[|\]$/g, ''), port: Number(parsed.target.slice(at + 1)) };
  return new Promise((resolve) => {
    const socket = connect({ ...where, timeout: PATIENCE_MS });
    const say = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', say(true)).once('error', say(false)).once('timeout', say(false));
  });
}
