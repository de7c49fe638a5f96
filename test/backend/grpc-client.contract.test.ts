/** The whole contract once more through the real client, the real protocol and a gRPC server in this process. */
import { connectBackend } from '../../src/backend/grpc/client.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { describeBackendContract } from './contract.js';
import { serveBackend } from './support/serve-backend.js';

describeBackendContract('in-memory backend behind gRPC', {
  async open() {
    const served = await serveBackend(createMemoryBackend());
    const backend = await connectBackend({ address: served.address });
    return {
      ...backend,
      async close() {
        await backend.close();
        served.kill();
      },
    };
  },
  model: { source: 'toy:policy' },
  otherModel: { source: 'toy:other' },
  tolerance: 1e-12,
});
