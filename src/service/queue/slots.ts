/** Backends and how many runs each takes at once. */
import { MrpoError } from '../../core/errors.js';
import { parseAddress } from '../../rpc/address.js';
import { EMBEDDED } from '../worker/exit-codes.js';

/** One backend of the service. */
export interface BackendSlots {
  /** "embedded": one that a run starts for itself; else an address. */
  readonly address: string;
  readonly slots: number;
}

/** `embedded`, `embedded*2`, `127.0.0.1:50051`, `unix:/path*1`. Throws code `usage`. */
export function parseBackend(text: string): BackendSlots {
  const [, address = text, times = '1'] = /^(.*?)(?:\*(\d+))?$/.exec(text) ?? [];
  const slots = Number(times);
  if (slots < 1) throw new MrpoError('usage', `--backend ${text}: expected at least one slot`);
  if (address !== EMBEDDED) parseAddress(address);
  return { address, slots };
}

/** Running backends on which nothing is at work: they can help with what is at work elsewhere. */
export const idleBackends = (backends: readonly BackendSlots[], busy: readonly string[]): string[] =>
  backends.map(({ address }) => address).filter((address) => address !== EMBEDDED && !busy.includes(address));

/** The backend with the most free slots, if any has one. */
export function freeBackend(backends: readonly BackendSlots[], busy: readonly string[]): string | undefined {
  const free = backends
    .map(({ address, slots }) => ({ address, free: slots - busy.filter((used) => used === address).length }))
    .filter((backend) => backend.free > 0)
    .sort((a, b) => b.free - a.free);
  return free[0]?.address;
}
