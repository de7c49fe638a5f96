/** The contract on the real thing: torch models behind gRPC, embedded in this process's life. */
import { launchBackend } from '../../src/backend/launch.js';
import { tinyModel } from '../support/tiny-models.js';
import { describeBackendContract } from './contract.js';

describeBackendContract('Python backend', {
  open: () => launchBackend({ threads: 1 }),
  model: { source: tinyModel('llama') },
  otherModel: { source: tinyModel('qwen2') },
  tolerance: 2e-6,
});
