/** Listens for the page: loopback by default, elsewhere only with TLS and tokens. */
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { MrpoError } from '../core/errors.js';
import { pageListener } from './http.js';
import type { PageSource } from './source.js';

/** Where the page listens, and for whom. */
export interface ServePageOptions {
  readonly source: PageSource;
  /** Default 127.0.0.1. */
  readonly host?: string | undefined;
  /** 0 = any free one. Default 7331. */
  readonly port?: number | undefined;
  /** Names beside the host's own that browsers may use. */
  readonly names?: readonly string[] | undefined;
  /** PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string } | undefined;
  /** Whether the source refuses callers without a token. */
  readonly hasTokens: boolean;
  /** Told of every failure that is no answer to a caller. */
  readonly onDefect?: ((error: Error) => void) | undefined;
}

/** A page that can be opened. */
export interface ServedPage {
  /** `http://127.0.0.1:7331/` */
  readonly url: string;
  close(): Promise<void>;
}

/** Where the page is looked for first. */
export const PAGE_PORT = 7331;

/** An address that cannot be listened on: in use, or not of this machine. */
export class PageTaken extends MrpoError {}

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

/** @throws MrpoError `usage` for an address that other machines reach without TLS or tokens, or that is taken. */
export async function servePage(options: ServePageOptions): Promise<ServedPage> {
  const { source, host = '127.0.0.1', port = PAGE_PORT, names = [], tls, hasTokens, onDefect } = options;
  const local = LOOPBACK.includes(host) || host === '::1';
  if (!local && (tls === undefined || !hasTokens)) {
    throw new MrpoError('usage', `page: ${host} is reached from other machines; expected TLS and tokens`, {
      hint: 'Give both, or keep the page on 127.0.0.1 and use an SSH tunnel.',
    });
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new MrpoError('usage', `page: got port ${port}, expected 0 (any free one) to 65535`);
  }
  const hosts = new Set(
    [...LOOPBACK, host.includes(':') ? `[${host}]` : host, ...names].map((name) => name.toLowerCase()),
  );
  const listener = pageListener({ source, hosts, onDefect });
  const server =
    tls === undefined
      ? createHttpServer(listener)
      : createHttpsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, listener);
  server.headersTimeout = 10_000;
  server.requestTimeout = 20_000;
  server.keepAliveTimeout = 5_000;
  await listen(server, host, port);
  const { port: given } = server.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${given}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const listen = (server: Server, host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new PageTaken('usage', `page: cannot listen on ${host}:${port}: ${cause.message}`, {
          cause,
          hint: 'Name another port.',
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
