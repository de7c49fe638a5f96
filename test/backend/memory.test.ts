import { describe, expect, it } from 'vitest';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { describeBackendContract, scoresOf } from './contract.js';
import { PAIRS, RULE, pair, trainerSpec } from './support/pairs.js';

describeBackendContract('in-memory backend', {
  open: async () => createMemoryBackend(),
  model: { source: 'toy:policy' },
  otherModel: { source: 'toy:other' },
  tolerance: 1e-12,
});

describe('in-memory backend, its switches', () => {
  it('scores NaN where told to, and only there', async () => {
    const backend = createMemoryBackend({ brokenText: 'BROKEN' });
    const { handle } = await backend.loadModel({ source: 'toy:a' });
    const set = await backend.registerRows(handle, [pair('q', 'BROKEN', 'b'), pair('q', 'a', 'b')], RULE);
    const scores = await scoresOf(backend, set.handle);
    expect(scores.get(0)?.[0]).toBeNaN();
    expect([...(scores.get(1) ?? [])].every(Number.isFinite)).toBe(true);
  });

  it('runs out of memory above a number of rows, and the step goes on with fewer', async () => {
    const backend = createMemoryBackend({ maxForwardRows: 2 });
    const { handle } = await backend.loadModel({ source: 'toy:a' });
    const set = await backend.registerRows(handle, PAIRS, RULE);
    const trainer = await backend.createTrainer(handle, set.handle, trainerSpec());
    const forward = (rows: readonly number[], microBatch: number) =>
      trainer.forward({ step: 1, microBatch, rows, seed: 0 });
    await expect(forward([0, 1, 2], 0)).rejects.toMatchObject({ reason: 'out_of_memory' });
    expect((await forward([0, 1], 0)).logps.chosen).toHaveLength(2);
  });

  it('needs a chat template for conversations', async () => {
    const backend = createMemoryBackend({ withoutChatTemplate: ['toy:a'] });
    const { handle } = await backend.loadModel({ source: 'toy:a' });
    await expect(backend.registerRows(handle, PAIRS, RULE)).rejects.toMatchObject({ reason: 'chat_template_missing' });
    const plain = await backend.registerRows(handle, [{ ...pair('q', 'a', 'b'), plain: true }], RULE);
    expect(plain.rows[0]?.unusable).toBeUndefined();
  });
});
