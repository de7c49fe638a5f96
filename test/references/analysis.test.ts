import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { checkHealth, type HealthFigures } from '../../src/references/analysis/health.js';
import { letterEntropy } from '../../src/references/analysis/letter-entropy.js';
import { createReferenceReport } from '../../src/references/analysis/report.js';
import { nthSmallest } from '../../src/references/analysis/nth-smallest.js';
import { correlation, median, shareOf, spreadOf } from '../../src/references/analysis/shares.js';
import { scoreReferences } from '../../src/references/score.js';
import type { ReferenceScores } from '../../src/references/reference-scores.js';
import { samplePairs } from './sample-pairs.js';
import { temporaryCache, toyConfig } from './support.js';

const LETTERS = 3;
const healthy = (changes: Partial<HealthFigures> = {}): HealthFigures => ({
  name: 'reference',
  nllPerByte: 0.6,
  gapPerByte: 0.2,
  correlation: 0.8,
  truncatedShare: 0.1,
  brokenLogpShare: 0,
  maxLength: 512,
  pairs: 100,
  ...changes,
});

describe('health', () => {
  test('references of ordinary figures are healthy, also a strong one beside a small policy', () => {
    expect(checkHealth(healthy(), [healthy({ nllPerByte: 0.2 })], LETTERS)).toEqual({ status: 'ok', reasons: [] });
    expect(checkHealth(healthy({ nllPerByte: 0.2 }), [healthy()], LETTERS)).toEqual({ status: 'ok', reasons: [] });
    expect(checkHealth(healthy({ correlation: NaN }), [], LETTERS)).toEqual({ status: 'ok', reasons: [] });
  });

  test.each<[string, Partial<HealthFigures>, string, RegExp]>([
    ['text it cannot read', { nllPerByte: 2.9 }, 'broken', /merely counting letters/],
    ['text it reads poorly', { nllPerByte: 1.6 }, 'suspicious', /predicts this text poorly/],
    [
      'far more surprise, and nothing in common with the others',
      { nllPerByte: 1.45, correlation: 0.05 },
      'broken',
      /has next to nothing to do/,
    ],
    ['wild differences within pairs', { gapPerByte: 3 }, 'suspicious', /15.0 times as much between the two responses/],
    [
      'a few log-probs that are no numbers',
      { brokenLogpShare: 0.002 },
      'suspicious',
      /0.20 % of the pairs got log-probs that are not numbers/,
    ],
    ['many log-probs that are no numbers', { brokenLogpShare: 0.5 }, 'broken', /50 % of the pairs/],
    ['mostly cut responses', { truncatedShare: 0.8 }, 'suspicious', /80 % of the pairs are cut at max_length 512/],
  ])('%s', (_what, changes, status, reason) => {
    const others = [healthy({ nllPerByte: 0.4 }), healthy({ nllPerByte: 0.4 })];
    const health = checkHealth(healthy(changes), others, LETTERS);
    expect(health.status).toBe(status);
    expect(health.reasons.join('\n')).toMatch(reason);
  });

  test('the one that the text surprises less is not blamed for a missing correlation', () => {
    const [good, bad] = [healthy({ nllPerByte: 0.5, correlation: 0 }), healthy({ nllPerByte: 1.4, correlation: 0 })];
    expect(checkHealth(good, [bad], LETTERS).status).toBe('ok');
    expect(checkHealth(bad, [good], LETTERS).status).toBe('suspicious');
  });
});

describe('figures', () => {
  test('quantiles, moments and correlation of known columns', () => {
    const column = Float64Array.from({ length: 101 }, (_, i) => 100 - i);
    expect(spreadOf(column)).toEqual({ mean: 50, sd: Math.sqrt(850), low: 5, median: 50, high: 95 });
    expect(column[0]).toBe(100);
    expect(
      correlation(
        column,
        column.map((value) => 3 - 2 * value),
      ),
    ).toBeCloseTo(-1, 12);
    expect(correlation(column, new Float64Array(101))).toBeNaN();
    expect([median([3, 1, 2]), median([4, 1]), median([])]).toEqual([2, 2.5, NaN]);
    expect(shareOf(0, () => true).share).toBeNaN();
  });

  test('single order statistics are those of the sorted column, ties and infinities included', () => {
    const value = fc.oneof(fc.double({ noNaN: true }), fc.integer({ min: -2, max: 2 }));
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 60 }), fc.nat(59), fc.nat(59), (values, p, q) => {
        const sorted = Float64Array.from(values).sort();
        const column = Float64Array.from(values);
        const positions = [p, q].map((position) => position % values.length).sort((a, b) => a - b);
        const [first = 0, second = 0] = positions;
        expect([nthSmallest(column, first) + 0, nthSmallest(column, second, first) + 0]).toEqual([
          sorted[first]! + 0,
          sorted[second]! + 0,
        ]);
        expect(column.sort()).toEqual(sorted);
      }),
    );
  });

  test('letter entropy: 0 for one letter, log 2 for two as frequent, never above log 256', () => {
    const text = (content: string) => [
      { ...samplePairs(1)[0]!, chosen: [{ role: 'assistant', content }], rejected: [] },
    ];
    expect(letterEntropy(text('aaaa'))).toBe(0);
    expect(letterEntropy(text('abab'))).toBeCloseTo(Math.LN2, 12);
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'binary' }), (content) => {
        expect(letterEntropy(text(content))).toBeLessThanOrEqual(Math.log(256));
      }),
    );
  });
});

async function toyScores(): Promise<{
  scores: ReferenceScores;
  pairs: ReturnType<typeof samplePairs>;
  config: ReturnType<typeof toyConfig>;
}> {
  const [config, pairs] = [toyConfig(), samplePairs(60)];
  return {
    config,
    pairs,
    scores: await scoreReferences({ config, pairs, backend: createMemoryBackend(), cache: temporaryCache() }),
  };
}

describe('report', () => {
  test('its figures are those that a plain count over the log-probs gives', async () => {
    const { scores, pairs, config } = await toyScores();
    const report = await createReferenceReport({ scores, pairs, objective: config.objective });
    const logps = scores.references.map(({ columns }) => ({
      w: [...columns.chosen.logps],
      l: [...columns.rejected.logps],
    }));
    const share = (holds: (i: number) => boolean): number => pairs.filter((_, i) => holds(i)).length / pairs.length;
    expect(report.usable).toBe(60);
    expect(report.longerIsChosen.share).toBe(
      share((i) => pairs[i]!.chosen[0]!.content.length > pairs[i]!.rejected[0]!.content.length),
    );
    report.references.forEach((reference, k) => {
      const { w, l } = logps[k]!;
      expect(reference.accuracy.sum.share).toBe(share((i) => w[i]! > l[i]!));
      const bytes = (i: number): [number, number] => [
        pairs[i]!.chosen[0]!.content.length,
        pairs[i]!.rejected[0]!.content.length,
      ];
      expect(reference.accuracy.byte.share).toBe(share((i) => w[i]! / bytes(i)[0] > l[i]! / bytes(i)[1]));
      const [nats, length] = [
        w.concat(l).reduce((a, b) => a - b, 0),
        pairs.reduce((sum, _, i) => sum + bytes(i)[0] + bytes(i)[1], 0),
      ];
      expect(reference.nllPerByte).toBeCloseTo(nats / length, 10);
      const gaps = pairs.map((_, i) => Math.abs(w[i]! / bytes(i)[0] - l[i]! / bytes(i)[1])).sort((a, b) => a - b);
      expect(reference.gapPerByte).toBeCloseTo(gaps[30]!, 12); // the median: one extreme pair does not move it
      expect(report.agreement[0]![k]).toBe(share((i) => w[i]! > l[i]! === logps[0]!.w[i]! > logps[0]!.l[i]!));
    });
    expect(report.references.reduce((sum, { dominance }) => sum + dominance, 0)).toBeCloseTo(1, 12);
    expect(report.references.reduce((sum, { weight }) => sum + weight.mean, 0)).toBeCloseTo(1, 12);
    expect(report.references[0]?.clipShare).toBe(0);
  });

  test('under DPO the policy as its own reference ties everywhere at step 0, and the report says so', async () => {
    const { scores, pairs, config } = await toyScores();
    const only = { ...scores, references: scores.references.slice(0, 1) };
    const report = await createReferenceReport({ scores: only, pairs, objective: config.objective });
    expect(report.stepZero).toMatchObject({ accuracy: { share: 0 }, ties: 1, margin: { mean: 0, sd: 0 } });
  });

  test('step 0 is that of the configured loss, whatever else the references would do under MRPO', async () => {
    const { scores, pairs, config } = await toyScores();
    const under = async (loss: 'dpo' | 'mrpo') =>
      (await createReferenceReport({ scores, pairs, objective: { ...config.objective, loss } })).stepZero;
    expect(await under('dpo')).toMatchObject({ accuracy: { share: 0 }, ties: 1 });
    expect((await under('mrpo'))?.ties).toBe(0);
  });

  test('without the start of the policy there is no step 0; a repeated model is named', async () => {
    const config = toyConfig({ references: [{ model: 'toy:second' }, { model: 'toy:second', name: 'twin' }] });
    const pairs = samplePairs(20);
    const scores = await scoreReferences({ config, pairs, backend: createMemoryBackend(), cache: temporaryCache() });
    const report = await createReferenceReport({ scores, pairs, objective: config.objective });
    expect(report.stepZero).toBeUndefined();
    expect(report.references.map(({ sameAs }) => sameAs)).toEqual([undefined, 'toy-second']);
  });

  test('no usable pair is an error that says what to do', async () => {
    const { scores, pairs, config } = await toyScores();
    const unusable = ['too_long'];
    const references = scores.references.map((reference) => ({ ...reference, unusable }));
    await expect(
      createReferenceReport({ scores: { ...scores, references, usable: [] }, pairs, objective: config.objective }),
    ).rejects.toMatchObject({ code: 'data', hint: expect.stringContaining('max_length') });
  });
});
