/**
 * Connections that ask nothing: each has little time for its first call, and a peer can hold only some of them. The gRPC
 * library neither counts connections nor ends one that has never asked, so this hears of them from Node itself.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

/** Connections of one port. A peer is "host:port", as gRPC tells it of a call. */
export interface Doorkeeper {
  /** A call over the connection of this peer was let in: it is left alone from now on. */
  admit(peer: string): void;
  /** Ends the connection of a peer with all its calls. */
  end(peer: string): void;
  /** Connections are left alone from now on. */
  close(): void;
}

/** Room for a few hundred callers on one machine who all come at once. */
const SILENT_PER_HOST = 256;

const CHANNEL = 'net.server.socket';

interface Caller {
  readonly socket: Socket;
  readonly host: string;
  /** Until its first call. */
  readonly timer: NodeJS.Timeout;
}

/** Watches the connections that are made to a TCP port of this process. */
export function createDoorkeeper(port: number, firstCallMs: number): Doorkeeper {
  const callers = new Map<string, Caller>();
  /** By host, the oldest first. */
  const silent = new Map<string, Map<string, Caller>>();
  const heard = (peer: string, { host, timer }: Caller): void => {
    clearTimeout(timer);
    const others = silent.get(host);
    others?.delete(peer);
    if (others?.size === 0) silent.delete(host);
  };
  const come = (message: unknown): void => {
    const { socket } = message as { readonly socket: Socket };
    const host = socket.remoteAddress;
    if (socket.localPort !== port || host === undefined) return;
    const peer = `${host}:${socket.remotePort}`;
    const timer = setTimeout(() => socket.destroy(), firstCallMs).unref();
    const caller: Caller = { socket, host, timer };
    callers.set(peer, caller);
    const others = silent.get(host) ?? new Map<string, Caller>();
    silent.set(host, others.set(peer, caller));
    const [oldest] = others.values();
    if (others.size > SILENT_PER_HOST) oldest?.socket.destroy();
    socket.once('close', () => {
      heard(peer, caller);
      if (callers.get(peer) === caller) callers.delete(peer);
    });
  };
  subscribe(CHANNEL, come);
  return {
    admit(peer) {
      const caller = callers.get(peer);
      if (caller !== undefined) heard(peer, caller);
    },
    end: (peer) => void callers.get(peer)?.socket.destroy(),
    close() {
      unsubscribe(CHANNEL, come);
      for (const { timer } of callers.values()) clearTimeout(timer);
    },
  };
}
