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
  /** Told by who has tried: nobody answers there. */
  noteAway(address: string): void;
  stop(): void;
}

const PATIENCE_MS = 3_000;

/** @param everyMs Between two looks. @param onLook Called after each look at all of them. */
export function watchBackends(addresses: readonly string[], everyMs: number, onLook: () => void): BackendHealth {
  const awaySince = new Map<string, number>();
  const watched = [...new Set(addresses)].filter((address) => address !== EMBEDDED);
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const noteAway = (address: string): void => {
    if (watched.includes(address) && !awaySince.has(address)) awaySince.set(address, performance.now());
  };
  const look = async (): Promise<void> => {
    const listening = await Promise.all(watched.map(isListening));
    if (stopped) return;
    watched.forEach((address, i) => {
      if (listening[i] === true) awaySince.delete(address);
      else noteAway(address);
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
