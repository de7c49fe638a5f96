/** `mrpo serve`: the runs service, in the foreground. */
import { appendFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import { makePrivateFolder } from '../../backend/embedded/private-folder.js';
import { PAGE_PORT, PageTaken, servePage, type ServedPage } from '../../page/serve-page.js';
import { serviceSource } from '../../page/service-source.js';
import type { PageSource } from '../../page/source.js';
import { startService } from '../../service/serve.js';
import { isRole, makeToken, ROLES } from '../../service/access/tokens.js';
import { startTracing } from '../../service/tracing/start.js';
import { parseBackend } from '../../service/queue/slots.js';
import { collect, printJson, type CliIo } from '../command.js';

interface ServeCommandOptions {
  readonly address: string;
  readonly home?: string;
  readonly backend: readonly string[];
  readonly roots?: readonly string[];
  readonly tokens?: string;
  readonly newToken?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly maxWaiting: string;
  readonly maxUploadGb: string;
  readonly allowModules?: boolean;
  readonly page: string;
  readonly pageName: readonly string[];
  readonly json?: boolean;
}

const DEFAULT_ADDRESS = '127.0.0.1:50060';

/** Adds `mrpo serve`, which runs until Ctrl-C. */
export function registerServe(program: Command, io: CliIo): void {
  program
    .command('serve')
    .description('run the service that orders, queues and keeps runs for programs of any language, until Ctrl-C')
    .option('--address <address>', 'host:port, port 0 = any free one, or unix:/path', DEFAULT_ADDRESS)
    .option(
      '--home <folder>',
      'where runs, uploads and the index lie (default: MRPO_SERVICE_HOME, else ~/.local/share/mrpo)',
    )
    .option(
      '--backend <address[*slots]>',
      'a backend and how many runs it takes at once; may be given again (default: embedded*1)',
      collect,
      [],
    )
    .option('--roots <folders...>', 'folders that models and data of runs may lie in (default: the current one)')
    .option('--tokens <file>', 'token hashes with roles; without it only this machine may call, and may everything')
    .option(
      '--new-token <role:name[:tenant]>',
      `make a token (${ROLES.join(', ')}), add it to --tokens, print it, and end`,
    )
    .option('--tls-cert <file>', 'certificate chain, PEM')
    .option('--tls-key <file>', 'private key, PEM')
    .option('--tls-client-ca <file>', 'authority, PEM, that must have signed the certificates of callers')
    .option('--max-waiting <number>', 'runs of one tenant that may wait', '100')
    .option('--max-upload-gb <number>', 'what one tenant may upload in all, in GiB', '10')
    .option('--allow-modules', 'let specs name code (objective.module) below the roots')
    .option('--page <host:port>', 'where the web page is served, or off', `127.0.0.1:${PAGE_PORT}`)
    .option('--page-name <name>', 'a further name that browsers may call the page by; may be given again', collect, [])
    .option(
      '--json',
      'print one JSON object when it listens: address, page, home, processId (--new-token: the token as text)',
    )
    .addHelpText(
      'after',
      `
Every run is a process of its own. When the service ends, runs stop at their next step; when it is killed, they go on
without it. Either way, it finds them again when it is back.

Examples:
  $ npx mrpo serve --roots ./models ./data
  $ npx mrpo submit my-run.yaml --watch            (in another terminal)
  $ npx mrpo serve --tokens tokens.txt --new-token run:ci:team-a
`,
    )
    .action((options: ServeCommandOptions) => serve(options, io));
}

async function serve(options: ServeCommandOptions, io: CliIo): Promise<void> {
  if (options.newToken !== undefined) return newToken(options, io);
  const path = (file: string): string => resolve(io.cwd, file);
  const home = path(options.home ?? io.env['MRPO_SERVICE_HOME'] ?? join(homedir(), '.local', 'share', 'mrpo'));
  const pageAt = pageAddress(options.page);
  const inner = makePrivateFolder();
  const tracing = await startTracing(io.env, 'mrpo-service', (line) => io.note(`${line}\n`));
  // What was opened is closed on every way out: a listener or a lock that is left would keep the process, or the folder.
  const opened: (() => Promise<void> | void)[] = [() => inner.remove(), () => tracing.shutdown()];
  try {
    await serveUntilStopped(options, io, { path, home, pageAt, socket: inner.socket, opened });
  } finally {
    for (const close of opened.reverse()) await close();
  }
}

interface Serving {
  readonly path: (file: string) => string;
  readonly home: string;
  readonly pageAt: PageAddress | undefined;
  readonly socket: string;
  /** What is to be closed, the last one first. */
  readonly opened: (() => Promise<void> | void)[];
}

async function serveUntilStopped(options: ServeCommandOptions, io: CliIo, serving: Serving): Promise<void> {
  const { path, home, pageAt, opened } = serving;
  const inner = `unix:${serving.socket}`;
  const service = await startService({
    home,
    inner,
    address: options.address,
    backends: (options.backend.length === 0 ? ['embedded'] : options.backend).map(parseBackend),
    roots: (options.roots ?? ['.']).map(path),
    tokens: options.tokens === undefined ? undefined : path(options.tokens),
    tls: tlsFrom(options),
    limits: {
      maxWaiting: positive('--max-waiting', options.maxWaiting),
      maxUploadBytes: positive('--max-upload-gb', options.maxUploadGb) * 2 ** 30,
    },
    allowModules: options.allowModules,
    env: io.env,
    onLog: (line) => io.note(`${line}\n`),
  });
  opened.push(() => service.stop());
  const source = serviceSource({ address: inner }, () => service.metrics());
  opened.push(() => source.close());
  const page = pageAt && (await openPage(options, pageAt, source, path, io));
  if (page !== undefined) opened.push(() => page.close());
  const facts = { address: service.address, page: page?.url, home };
  if (options.json === true) printJson(io, { ...facts, processId: process.pid });
  else
    io.note(
      `listening at ${facts.address}${page === undefined ? '' : `, page at ${page.url}`}; runs are in ${home}; Ctrl-C ends it\n`,
    );
  if (!io.signal.aborted) await new Promise((done) => io.signal.addEventListener('abort', done, { once: true }));
  io.note('runs stop at their next step and go on when the service is back\n');
}

interface PageAddress {
  readonly host: string;
  readonly port: number;
}

/** Undefined: no page is wanted. */
function pageAddress(text: string): PageAddress | undefined {
  if (text === 'off') return undefined;
  const [, host, port] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (host === undefined || Number(port) > 65535) {
    throw new MrpoError(
      'usage',
      `--page: got "${text}", expected HOST:PORT (port 0 = any free one, at most 65535) or off`,
    );
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/** A page that cannot be served stops no service; only an address that must not be used so does. */
async function openPage(
  options: ServeCommandOptions,
  at: PageAddress,
  source: PageSource,
  path: (file: string) => string,
  io: CliIo,
): Promise<ServedPage | undefined> {
  if (options.tlsClientCa !== undefined) {
    io.note('no page: a browser has no client certificate of this service\n');
    return undefined;
  }
  const tls = tlsFrom(options);
  return servePage({
    source,
    ...at,
    names: options.pageName,
    tls: tls && { cert: path(tls.cert), key: path(tls.key) },
    hasTokens: options.tokens !== undefined,
    onDefect: (error) => io.note(`page: ${error.stack ?? error.message}\n`),
  }).catch((thrown: unknown) => {
    if (!(thrown instanceof PageTaken)) throw thrown;
    io.note(`no page: ${thrown.message}\n`);
    return undefined;
  });
}

function newToken({ newToken: asked = '', tokens }: ServeCommandOptions, io: CliIo): void {
  const [role = '', name = '', tenant = name, ...rest] = asked.split(':');
  if (!isRole(role) || !/^[\w.@-]{1,64}$/.test(name) || !/^[\w.@-]{1,64}$/.test(tenant) || rest.length > 0) {
    throw new MrpoError(
      'usage',
      `--new-token ${asked}: expected ROLE:NAME or ROLE:NAME:TENANT, ROLE one of ${ROLES.join(', ')}`,
    );
  }
  if (tokens === undefined)
    throw new MrpoError('usage', '--new-token: expected --tokens FILE too, to keep its hash in');
  const { token, line } = makeToken(role, name, tenant);
  appendFileSync(resolve(io.cwd, tokens), `${line}\n`, { mode: 0o600 });
  io.note(`its hash is in ${tokens}; the token itself is shown only now:\n`);
  io.out(`${token}\n`);
}

function tlsFrom({ tlsCert: cert, tlsKey: key, tlsClientCa: clientCa }: ServeCommandOptions) {
  if (cert !== undefined && key !== undefined) return { cert, key, clientCa };
  if (cert === undefined && key === undefined && clientCa === undefined) return undefined;
  throw new MrpoError('usage', 'TLS: expected --tls-cert and --tls-key, both');
}

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  throw new MrpoError('usage', `${flag}: got "${text}", expected a number above 0`);
}
