/** A backend of this machine that stands still for a while (a paused container, a laptop's lid) is waited for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { connectBackend } from '../../src/backend/grpc/client.js';
import { startStandalone } from '../../src/backend/standalone.js';
import { testPython, tinyModel } from '../support/tiny-models.js';

vi.setConfig({ testTimeout: 300_000 }); // ms; Python starts

const SILENCE_MS = 1000;

it.runIf(process.platform === 'linux')('its calls stay open, and are answered when it goes on', async () => {
  const server = await startStandalone({ address: '127.0.0.1:0', python: testPython(), threads: 1 });
  onTestFinished(() => server.stop());
  const backend = await connectBackend({ address: server.address, silenceMs: SILENCE_MS });
  onTestFinished(() => backend.close());
  const loading = backend.loadModel({ source: tinyModel('llama') });
  process.kill(server.processId, 'SIGSTOP');
  await sleep(4 * SILENCE_MS);
  process.kill(server.processId, 'SIGCONT');
  expect((await loading).parameters).toBeGreaterThan(0);
});
