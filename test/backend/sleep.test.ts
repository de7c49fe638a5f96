/** A backend of this machine that stands still for a while (a paused container, a laptop's lid) is waited for. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { connectBackend } from '../../src/backend/grpc/client.js';
import { launchBackend } from '../../src/backend/launch.js';
import { startStandalone } from '../../src/backend/standalone.js';
import { processExists } from '../../src/core/process-owner.js';
import { testPython, tinyModel } from '../support/tiny-models.js';

vi.setConfig({ testTimeout: 300_000 }); // ms; Python starts

const SILENCE_MS = 2000;
const ASLEEP_MS = 500; // a look every half a second tells

it.runIf(process.platform === 'linux')('its calls stay open, and are answered when it goes on', async () => {
  const clientGraceSeconds = 1;
  const server = await startStandalone({
    address: '127.0.0.1:0',
    python: testPython(),
    threads: 1,
    clientGraceSeconds,
  });
  onTestFinished(() => server.stop());
  const backend = await connectBackend({ address: server.address, silenceMs: SILENCE_MS });
  onTestFinished(() => backend.close());
  const loading = backend.loadModel({ source: tinyModel('llama') });
  process.kill(server.processId, 'SIGSTOP');
  await sleep(2.5 * SILENCE_MS);
  process.kill(server.processId, 'SIGCONT');
  const { handle } = await loading;
  await sleep(2000 * clientGraceSeconds);
  expect((await backend.info()).models).toMatchObject([{ modelHandle: handle }]); // its client asks nothing and is there

  // One that nobody wakes is given up, and what is still asked of it does not wait again.
  const impatient = await connectBackend({ address: server.address, silenceMs: SILENCE_MS, asleepMs: ASLEEP_MS });
  onTestFinished(() => impatient.close());
  const again = impatient.loadModel({ source: tinyModel('llama') });
  process.kill(server.processId, 'SIGSTOP');
  await expect(again).rejects.toMatchObject({
    reason: 'unreachable',
    message: expect.stringContaining('sign of life'),
  });
  await expect(impatient.unloadModel('model-1')).rejects.toMatchObject({ reason: 'unreachable' });
  process.kill(server.processId, 'SIGCONT');
});

it.runIf(process.platform === 'linux')('an embedded one that nobody wakes is ended, and calls say why', async () => {
  const backend = await launchBackend({ python: testPython(), threads: 1, silenceMs: SILENCE_MS, asleepMs: ASLEEP_MS });
  onTestFinished(() => backend.close());
  const { processId } = await backend.info();
  process.kill(processId, 'SIGSTOP');
  const loading = backend.loadModel({ source: tinyModel('llama') });
  await expect(loading).rejects.toMatchObject({ reason: 'died', message: expect.stringContaining('sign of life') });
  await expect(backend.unloadModel('model-1')).rejects.toMatchObject({ reason: 'died' });
  await expect.poll(() => processExists(processId)).toBe(false);
});
