/** A service with TLS, and what callers hear who have the wrong authority, no certificate, no token, or no TLS at all. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import type { TlsFiles } from '../../src/rpc/channel.js';
import { makeToken } from '../../src/service/access/tokens.js';
import { connect, type RunsClient } from '../../src/service/client/connect.js';
import { startService, type RunsService, type ServeOptions } from '../../src/service/serve.js';

const file = (name: string): string => fileURLToPath(new URL(`../backend/support/certs/${name}`, import.meta.url));
const ca = file('authority.pem');
const server = { cert: file('server.pem'), key: file('server.key') };
const { token, line } = makeToken('read', 'ci', 'team');

let folder: string;
let options: ServeOptions;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mrpo-service-tls-'));
  writeFileSync(join(folder, 'tokens'), `${line}\n`);
  const tokens = join(folder, 'tokens');
  options = { home: join(folder, 'home'), address: 'localhost:0', roots: [folder], backends: [], tokens };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function serve(tls: ServeOptions['tls'], address = 'localhost:0'): Promise<RunsService> {
  const running = await startService({ ...options, tls, address });
  onTestFinished(() => running.stop());
  return running;
}

function dial(address: string, tls: TlsFiles | undefined, withToken: string | undefined = token): RunsClient {
  const client = connect({ address, tls, token: withToken });
  onTestFinished(() => client.close());
  return client;
}

it('lets in who trusts its certificate and has a token, and tells the others what is the matter', async () => {
  const { address } = await serve(server);
  expect(await dial(address, { ca }).info()).toMatchObject({ caller: 'ci', role: 'read' });
  const refusals: [TlsFiles | undefined, string, string, RegExp][] = [
    [{ ca }, 'not-the-token', 'unauthenticated', /token is missing or wrong/],
    [{ ca: file('stranger.pem') }, token, 'unauthenticated', /not signed by an authority that this side trusts/],
    [undefined, token, 'protocol', /speaks TLS, and this side plain text/],
  ];
  for (const [tls, withToken, reason, text] of refusals) {
    const asked = dial(address, tls, withToken).info();
    await expect(asked).rejects.toMatchObject({ reason });
    await expect(asked).rejects.toThrow(text);
  }
});

it('tells a caller with TLS that it has none', async () => {
  const { address } = await serve(undefined);
  await expect(dial(address, { ca }).info()).rejects.toMatchObject({ reason: 'protocol' });
});

it('asks for certificates of its client authority', async () => {
  const { address } = await serve({ ...server, clientCa: ca });
  const mine = { ca, cert: file('client.pem'), key: file('client.key') };
  expect(await dial(address, mine).info()).toMatchObject({ caller: 'ci' });
  await expect(dial(address, { ca }).info()).rejects.toThrow(/asks for a client certificate/);
  const stranger = { ca, cert: file('stranger.pem'), key: file('stranger.key') };
  await expect(dial(address, stranger).info()).rejects.toThrow(/does not accept the client certificate/);
});

it('is not started with a key of another certificate, nor for other machines without it', async () => {
  await expect(serve({ cert: server.cert, key: file('client.key') })).rejects.toMatchObject({ code: 'usage' });
  await expect(serve(undefined, '0.0.0.0:0')).rejects.toThrow(/tokens and TLS, both/);
});
