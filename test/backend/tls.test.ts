/** A backend that asks for certificates, and what callers hear who have none, the wrong one, or no TLS at all. */
import { PROTOCOL_VERSION } from '../../src/backend/backend.js';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectBackend } from '../../src/backend/grpc/client.js';
import { startStandalone, type StandaloneBackend } from '../../src/backend/standalone.js';
import type { TlsFiles } from '../../src/rpc/channel.js';

const START = { timeout: 180_000 };
const file = (name: string): string => fileURLToPath(new URL(`support/certs/${name}`, import.meta.url));
const ca = file('authority.pem');
const serverFiles = { cert: file('server.pem'), key: file('server.key') };
const mine = { ca, cert: file('client.pem'), key: file('client.key') };

describe('a backend with a client authority', START, () => {
  let served: StandaloneBackend | undefined;
  let address = '';
  beforeAll(async () => {
    // Every address of the machine, and no token: a certificate is what lets callers in.
    served = await startStandalone({ address: '0.0.0.0:0', tls: { ...serverFiles, clientCa: ca }, threads: 1 });
    address = served.address.replace('0.0.0.0', 'localhost');
  }, START.timeout);
  afterAll(async () => {
    await served?.stop();
  });
  const dial = (tls: TlsFiles | undefined, at = address) => connectBackend({ address: at, tls });

  it('lets in who shows a certificate of it', async () => {
    const backend = await dial(mine);
    expect((await backend.info()).protocolVersion).toBe(PROTOCOL_VERSION);
    await backend.close();
  });

  it.each([
    ['no certificate', { ca }, 'unauthenticated', /asks for a client certificate, and this side has none/],
    [
      'a certificate of another authority',
      { ...mine, cert: file('stranger.pem'), key: file('stranger.key') },
      'unauthenticated',
      /does not accept the client certificate .*stranger\.pem/,
    ],
    ['no TLS', undefined, 'protocol', /speaks TLS, and this side plain text/],
    [
      'another authority',
      { ...mine, ca: file('stranger.pem') },
      'unauthenticated',
      /not signed by an authority that this side trusts/,
    ],
  ] as const)('tells a caller with %s what is the matter', async (_name, tls, reason, text) => {
    const attempt = dial(tls);
    await expect(attempt).rejects.toMatchObject({ reason });
    await expect(attempt).rejects.toThrow(text);
    await expect(attempt).rejects.not.toMatchObject({ hint: expect.stringContaining('Start one') as string });
  });

  it('tells a caller that its certificate is for another name', async () => {
    const attempt = dial(mine, address.replace('localhost', '127.0.0.2'));
    await expect(attempt).rejects.toMatchObject({ reason: 'unauthenticated' });
    await expect(attempt).rejects.toThrow(/is for another name/);
  });
});

describe('files that cannot be used', START, () => {
  it.each([
    ['of the caller', { ...mine, key: file('server.key') }, /client\.pem/],
    ['that are no PEM', { ...mine, cert: file('server.key') }, /TLS certificate: .*server\.key is none/],
  ])('are told before anything is dialled: %s', async (_name, tls, text) => {
    const attempt = connectBackend({ address: 'localhost:1', tls });
    await expect(attempt).rejects.toMatchObject({ code: 'usage' });
    await expect(attempt).rejects.toThrow(text);
  });

  it('are told of a backend that shall start: a key of another certificate', async () => {
    const attempt = startStandalone({
      address: 'localhost:0',
      tls: { cert: file('server.pem'), key: file('client.key') },
    });
    await expect(attempt).rejects.toMatchObject({ code: 'usage' });
    await expect(attempt).rejects.toThrow(/client\.key does not belong to the certificate .*server\.pem/);
  });

  it('TLS alone opens no address that others can reach', async () => {
    const attempt = startStandalone({ address: '0.0.0.0:0', tls: serverFiles });
    await expect(attempt).rejects.toThrow(/TLS alone only encrypts/);
  });
});

describe('a token', () => {
  it.each(['s3crét', 's3cret\n', ' s3cret', 's3\u0007cret'])(
    'that cannot be sent is refused and never shown',
    async (token) => {
      for (const attempt of [
        connectBackend({ address: 'unix:/nowhere', token }),
        startStandalone({ address: 'unix:/nowhere', token }),
      ]) {
        await expect(attempt).rejects.toMatchObject({ code: 'usage' });
        await expect(attempt).rejects.toThrow(/^token: it/);
        await expect(attempt).rejects.not.toThrow(/s3/);
      }
    },
  );
});
