/** A reference that is the policy: its margins start at 0 though another machine, which rounds otherwise, scored it. */
import { describe, expect, it } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { evaluateHeldOut, readRun, type StoredRun } from '../../src/runs/index.js';
import { numericalNoise } from '../../src/training/numerical-noise.js';
import { notesOf, offBy, runToEnd, temporaryCache, temporaryFolder, toyConfig, writePairs } from './support.js';

/** A DPO run on this machine whose cache was filled by a machine that is off. */
async function runAfter(
  shift: number,
  data: Record<string, unknown> = {},
): Promise<{ readonly stored: StoredRun; readonly notes: readonly string[]; readonly cached: number }> {
  const folder = temporaryFolder();
  const train = writePairs(folder);
  const loaded = toyConfig(folder, {
    references: [{ name: 'self', model: 'policy' }],
    objective: { loss: 'dpo' },
    data: { train, eval: 8, ...data },
  });
  const cache = temporaryCache();
  await evaluateHeldOut({ loaded: toyConfig(folder, { data: { train, eval: train } }), backend: offBy(shift), cache });
  const { run, events, error } = await runToEnd(loaded, { cache });
  expect(error).toBeUndefined();
  const stored = await readRun(run.folder);
  return { stored, notes: notesOf(events), cached: stored.record.references?.[0]?.cached ?? 0 };
}

/** Well below the noise of a response of 10 tokens, and above that of one. */
const ROUNDING = numericalNoise('float64', 10);

describe('a policy as its own reference', () => {
  it.each([
    ['rounded otherwise', ROUNDING / 20],
    ['off by more than rounding', 0.5],
  ])(
    'starts at margin 0 and loss ln 2 in evaluation and training, with cached scores that are %s',
    async (_, shift) => {
      const { stored, cached } = await runAfter(shift);
      expect(cached).toBeGreaterThan(30);
      const { record, metrics } = stored;
      const before = record.evaluation?.before ?? {};
      expect([before['margins/refm1'], before['accuracies/refm1'], before['rewards/accuracies']]).toEqual([0, 0, 0]);
      expect(before['loss']).toBeCloseTo(Math.LN2, 15);
      const first = metrics.find((line) => line['step'] === 1 && 'loss' in line) ?? {};
      expect([first['rewards/margins'], first['rewards/accuracies']]).toEqual([0, 0]);
      expect(first['loss']).toBeCloseTo(Math.LN2, 15);
      expect(stored.heldOut[0]?.['before']).toEqual(
        (stored.heldOut[0]?.['references'] as Record<string, unknown>)['self'],
      );
    },
  );

  it('is scored again, and that is said, only where rounding does not explain the difference', async () => {
    const said = /cached log-probs of the policy are off by up to 0\.\d+ nats here.*scored again/;
    expect((await runAfter(ROUNDING / 20)).notes.join('\n')).not.toMatch(said);
    expect((await runAfter(0.5)).notes.join('\n')).toMatch(said);
    expect((await runAfter(0.5, { eval: 0 })).notes.join('\n')).toMatch(said);
  });

  it('evaluates to margin 0 as it is', async () => {
    const folder = temporaryFolder();
    const train = writePairs(folder);
    const loaded = toyConfig(folder, { data: { train, eval: 8 } });
    const cache = temporaryCache();
    await evaluateHeldOut({ loaded, backend: offBy(0.5), cache });
    const { measures } = await evaluateHeldOut({ loaded, backend: createMemoryBackend(), cache });
    expect([measures['margins/refm1'], measures['accuracies/refm1']]).toEqual([0, 0]);
  });

  it('shows it if the policy is not its own start', async () => {
    const folder = temporaryFolder();
    writePairs(folder);
    const backend = createMemoryBackend();
    const moved: Backend = {
      ...backend,
      async *score(rowSet, options) {
        for await (const chunk of backend.score(rowSet, options)) {
          const shift = options?.adapterOff === true ? 0 : 0.25;
          const chosen = chunk.logps.chosen.map((logp) => logp - shift);
          yield { ...chunk, logps: { ...chunk.logps, chosen } };
        }
      },
    };
    const cache = temporaryCache();
    const loaded = toyConfig(folder);
    await evaluateHeldOut({ loaded, backend: createMemoryBackend(), cache });
    const { run } = await runToEnd(loaded, { backend: moved, cache });
    expect((await readRun(run.folder)).record.evaluation?.before['margins/refm1']).toBeCloseTo(-0.25, 12);
  });
});
