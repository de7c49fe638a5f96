/**
 * The page over HTTP: its files, and a small JSON interface.
 *
 *   GET  /api/info                         version, role
 *   GET  /api/runs                         summaries, newest first
 *   GET  /api/runs/ID                      one, with sections, configuration and what its charts need
 *   GET  /api/runs/ID/stream               one JSON object a line while the run goes on: run, metrics, events
 *   POST /api/runs/ID/cancel|pause|resume
 *   GET  /metrics                          for Prometheus, where there is a service
 *
 * Who may is the source's to say; here is what a browser needs on top: only its own scripts run, no other site can ask
 * in a user's name (token in a header, Origin and Host checked), and nothing is kept in caches.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { MrpoError, toMrpoError } from '../core/errors.js';
import { loadAssets } from './assets.js';
import { runParts } from './run-parts.js';
import { PageError, type PageCaller, type PageSource, type RunVerb } from './source.js';
import { streamRun } from './stream.js';

/** Where runs come from, and what a caller must get right. */
export interface PageServerOptions {
  readonly source: PageSource;
  /** Names that a browser may call this server by, without port: against pages that point a name of theirs here. */
  readonly hosts: ReadonlySet<string>;
  /** Streams at once. Default 500. */
  readonly maxStreams?: number | undefined;
  readonly onDefect?: ((error: Error) => void) | undefined;
}

const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

const VERBS: readonly string[] = ['cancel', 'pause', 'resume'] satisfies RunVerb[];
const RUN_PATH = /^\/api\/runs\/([\w.~-]{1,200})(?:\/(\w+))?$/;

/** Answers every request, errors as JSON `{"error": {"message", "hint"}}`. */
export function pageListener({
  source,
  hosts,
  maxStreams = 500,
  onDefect = () => undefined,
}: PageServerOptions): RequestListener {
  const assets = loadAssets();
  let streams = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://page');
    requireOwnHost(request, hosts);
    const asset = assets.get(pathname);
    if (asset !== undefined) {
      requireMethod(request, 'GET');
      response.setHeader('content-type', asset.type);
      response.end(asset.body);
      return;
    }
    const caller = callerOf(request);
    if (pathname === '/metrics' && source.metrics !== undefined) {
      requireMethod(request, 'GET');
      const text = await source.metrics(caller);
      response.setHeader('content-type', 'text/plain; version=0.0.4; charset=utf-8');
      return void response.end(text);
    }
    if (pathname === '/api/info') return json(request, response, await source.info(caller));
    if (pathname === '/api/runs') return json(request, response, { runs: await source.list(caller) });
    const [, id, what] = RUN_PATH.exec(pathname) ?? [];
    if (id === undefined) throw new PageError(404, `nothing is at ${pathname.slice(0, 100)}`);
    if (what === undefined) {
      const [run, stored] = await Promise.all([source.get(caller, id), source.stored(caller, id)]);
      return json(request, response, { run, parts: stored && runParts(stored) });
    }
    if (what === 'stream') {
      requireMethod(request, 'GET');
      if (streams >= maxStreams) throw new PageError(503, `${maxStreams} pages are watching; close some, or try later`);
      streams += 1;
      return streamRun(source, caller, id, response).finally(() => (streams -= 1));
    }
    if (!VERBS.includes(what)) throw new PageError(404, `nothing is at ${pathname.slice(0, 100)}`);
    requireMethod(request, 'POST');
    requireOwnOrigin(request);
    json(request, response, await source.act(caller, id, what as RunVerb), 'POST');
  }

  return (request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    request.resume(); // no call has a body
    answer(request, response).catch((thrown: unknown) => {
      const error = asPageError(thrown);
      if (error.status === 500) onDefect(thrown instanceof Error ? thrown : new Error(String(thrown)));
      tell(response, error);
    });
  };
}

function json(request: IncomingMessage, response: ServerResponse, value: unknown, method = 'GET'): void {
  requireMethod(request, method);
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify(value));
}

function callerOf({ headers: { authorization } }: IncomingMessage): PageCaller {
  const token = /^Bearer (\S{1,4096})$/.exec(authorization ?? '')?.[1];
  return { token };
}

function requireMethod({ method }: IncomingMessage, expected: string): void {
  if (method !== expected) throw new PageError(405, `expected ${expected}, got ${method ?? 'nothing'}`);
}

function requireOwnHost({ headers: { host } }: IncomingMessage, hosts: ReadonlySet<string>): void {
  const name = (host ?? '').replace(/:\d+$/, '').toLowerCase();
  if (!hosts.has(name))
    throw new PageError(421, `this page is not served under the name ${JSON.stringify(name.slice(0, 100))}`);
}

/** A browser says from which page a POST comes; other programs say nothing. */
function requireOwnOrigin({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'];
  const { origin } = headers;
  const own =
    origin === undefined ? site === undefined || site === 'same-origin' : new URL(origin).host === headers.host;
  if (!own) throw new PageError(403, 'the call comes from another page');
}

/** Every error as JSON; only of those that are meant for a caller more than a general word. */
function tell(response: ServerResponse, { status, message, hint }: PageError): void {
  if (response.headersSent) return void response.destroy();
  response.statusCode = status;
  response.setHeader('content-type', 'application/json; charset=utf-8');
  response.end(JSON.stringify({ error: { message, hint } }));
}

function asPageError(thrown: unknown): PageError {
  if (thrown instanceof PageError) return thrown;
  const { code, message, hint } = toMrpoError(thrown);
  if (thrown instanceof MrpoError && code !== 'internal') return new PageError(400, message, hint);
  return new PageError(500, 'the service has failed to answer; its log says why');
}
