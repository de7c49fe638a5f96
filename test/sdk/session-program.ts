/**
 * Trains a toy in a session, keeps a checkpoint after three steps, says so, and goes on until it is killed:
 *   node --import tsx session-program.ts CONFIG_AS_JSON CHECKPOINTS
 */
import { createMemoryBackend } from '../../src/backend/memory.js';
import type { RunConfigInput } from '../../src/config/index.js';
import { openLogpCache } from '../../src/references/index.js';
import { prepareTraining } from '../../src/sdk/index.js';

const [config = '{}', checkpoints = ''] = process.argv.slice(2);
const session = await prepareTraining(JSON.parse(config) as RunConfigInput, {
  backend: createMemoryBackend(),
  cache: openLogpCache({ path: ':memory:' }),
  checkpoints,
});
while (session.stepsDone < 3) await session.step();
await session.saveCheckpoint();
await session.step();
console.log('saved');
setInterval(() => undefined, 1000);
