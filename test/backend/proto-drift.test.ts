/**
 * The generated code has the shape of the .proto files, and the client's rules follow. That it is what they give is
 * checked by the stage `generated` of npm test.
 */
import { join } from 'node:path';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { describe, expect, it } from 'vitest';
import { BACKEND_SERVICE } from '../../src/backend/grpc/service.js';
import { isIdempotent } from '../../src/rpc/retry.js';
import { PROJECT_ROOT } from '../../src/backend/python.js';
import { faultReason } from '../../src/backend/grpc/wire.js';
import { BackendServiceDefinition, BackendServiceService, ErrorReason } from '../../src/gen/mrpo/backend/v1/backend.js';
import { generatedShape, loadedShape } from './support/service-shape.js';

describe('generated protocol code', () => {
  it('has the methods, streams and idempotency of the .proto', () => {
    const loaded = loadSync('mrpo/backend/v1/backend.proto', { includeDirs: [join(PROJECT_ROOT, 'proto')] });
    const service = loaded['mrpo.backend.v1.BackendService'] as ServiceDefinition;
    const generated = generatedShape(BackendServiceDefinition.methods, BackendServiceService);
    expect(generated).toEqual(loadedShape(service));
    expect(Object.keys(generated).length).toBeGreaterThan(10);
  });

  it('lets exactly the marked calls be repeated', () => {
    const names = Object.keys(BackendServiceDefinition.methods) as (keyof typeof BackendServiceDefinition.methods)[];
    const repeatable = names.filter((name) => isIdempotent(BACKEND_SERVICE, name));
    expect(repeatable.sort()).toEqual(
      [
        'closeTrainer',
        'evaluate',
        'getServerInfo',
        'identifyModel',
        'readDataset',
        'saveCheckpoint',
        'score',
        'unloadModel',
      ].sort(),
    );
  });

  it('has a reason of the seam for every reason of the .proto', () => {
    const names = Object.keys(ErrorReason).filter((name) => !name.endsWith('UNSPECIFIED'));
    for (const name of names) expect(faultReason(name), name).toBe(name.replace('ERROR_REASON_', '').toLowerCase());
    expect(faultReason('ERROR_REASON_FROM_THE_FUTURE')).toBe('failed');
  });
});
