import { expect, test } from 'vitest';
import { createMemoryBackend } from '../../src/backend/memory.js';
import type { ObjectiveConfig } from '../../src/config/index.js';
import { createObjective } from '../../src/objectives/index.js';
import { usableBatch } from '../../src/references/analysis/usable-batch.js';
import { scoreReferences } from '../../src/references/score.js';
import { createOffsetCalculator } from '../../src/references/whatif/offsets.js';
import { sweepSettings } from '../../src/references/whatif/setting.js';
import { exploreSettings } from '../../src/references/whatif/whatif.js';
import { whatifPage } from '../../src/reports/whatif/whatif-page.js';
import { samplePairs } from './sample-pairs.js';
import { temporaryCache, toyConfig } from './support.js';

async function scored(objective: Parameters<typeof toyConfig>[0] = {}) {
  const [config, pairs] = [toyConfig(objective), samplePairs(50)];
  const scores = await scoreReferences({
    config,
    pairs,
    backend: createMemoryBackend(),
    cache: temporaryCache(),
    withPolicy: true,
  });
  return { config, pairs, scores };
}

test('every setting adds to DPO exactly what the objective itself would', async () => {
  const { config, pairs, scores } = await scored();
  const { batch } = usableBatch(scores, pairs);
  const calculator = createOffsetCalculator(batch, config.objective);
  const settings = sweepSettings(
    config.objective,
    scores.references.map(({ name }) => name),
  );
  expect(settings.length).toBeGreaterThan(70);
  for (const setting of settings) {
    const objective: ObjectiveConfig = {
      ...config.objective,
      clip: setting.clip,
      weights: setting.weights,
      pooling: setting.pooling,
    };
    const own = await createObjective(objective, { references: setting.references.length });
    const part = { ...batch, references: setting.references.map((k) => batch.references[k]!) };
    own.fit?.(part);
    const { margins, virtual: expected } = own.evaluate(part);
    const { offset, virtual } = await calculator.columns(setting);
    expect(virtual, setting.label).toEqual(expected);
    const largest = Math.max(
      ...margins.map((margin, row) => Math.abs(margin - (calculator.dpoMargin[row]! + offset[row]!))),
    );
    expect(largest, setting.label).toBeLessThan(1e-12 * 1000);
  }
});

test.each(['token', 'byte'] as const)('likewise per %s', async (normalization) => {
  const { config, pairs, scores } = await scored({ objective: { normalization, weights_on: normalization } });
  const { batch } = usableBatch(scores, pairs);
  const calculator = createOffsetCalculator(batch, config.objective);
  const own = await createObjective(config.objective, { references: 3 });
  const { margins } = own.evaluate(batch);
  const { offset } = await calculator.columns(sweepSettings(config.objective, ['a', 'b', 'c'])[0]!);
  margins.forEach((margin, row) => expect(calculator.dpoMargin[row]! + offset[row]!).toBeCloseTo(margin, 12));
});

test('the figures of every setting are those of a plain count', async () => {
  const { config, pairs, scores } = await scored();
  const { batch } = usableBatch(scores, pairs);
  const calculator = createOffsetCalculator(batch, config.objective);
  const pull = (margin: number): number => 1 / (1 + Math.exp(margin));
  const { results } = await exploreSettings({ scores, pairs, objective: config.objective });
  for (const { setting, ...found } of results) {
    const { offset, virtual } = await calculator.columns(setting);
    const rows = Array.from(offset.keys());
    const share = (holds: (row: number) => boolean): number => rows.filter(holds).length / rows.length;
    const ratio = (row: number): number =>
      pull(calculator.dpoMargin[row]! + offset[row]!) / pull(calculator.dpoMargin[row]!);
    expect(found.virtualAccuracy.share, setting.label).toBe(
      share((row) => virtual.chosen[row]! > virtual.rejected[row]!),
    );
    expect(found.stepZeroAccuracy?.share, setting.label).toBe(
      share((row) => calculator.dpoMargin[row]! + offset[row]! > 0),
    );
    expect([found.weakened, found.strengthened], setting.label).toEqual([
      share((row) => ratio(row) < 0.9),
      share((row) => ratio(row) > 1.1),
    ]);
  }
});

test('a trust region of width 0 is DPO: no offset, step-0 ties', async () => {
  const { config, pairs, scores } = await scored();
  const { results, dpoStepZeroAccuracy } = await exploreSettings({ scores, pairs, objective: config.objective });
  const closed = results.find(({ setting }) => setting.label === 'adaptive, epsilon_max 0')!;
  expect([closed.offset.mean, closed.offset.sd, closed.stepZeroAccuracy?.share]).toEqual([
    expect.closeTo(0, 12),
    expect.closeTo(0, 12),
    expect.any(Number),
  ]);
  expect([closed.weakened, closed.strengthened]).toEqual([0, 0]);
  expect(dpoStepZeroAccuracy?.share).toBe(0);
});

test('one reference alone is DPO against it; without a policy start no step-0 accuracy is claimed', async () => {
  const { config, pairs, scores } = await scored();
  const { results } = await exploreSettings({ scores, pairs, objective: config.objective });
  const alone = results.find(({ setting }) => setting.label.startsWith('only policy'))!;
  expect(alone.offset).toMatchObject({ mean: 0, sd: 0 });
  const unknown = await exploreSettings({
    scores: { ...scores, policyStart: undefined },
    pairs,
    objective: config.objective,
  });
  expect(unknown.policyKnown).toBe(false);
  expect(unknown.results.every(({ stepZeroAccuracy }) => stepZeroAccuracy === undefined)).toBe(true);
});

test('a fixed list of weights follows the references that are left', () => {
  const settings = sweepSettings(
    { loss: 'mrpo', official_code: false, clip: { mode: 'off' }, weights: [0.2, 0.3, 0.5], pooling: 'harmonic' },
    ['a', 'b', 'c'],
  );
  const without = settings.find(({ label }) => label === 'without a')!;
  expect(without.references).toEqual([1, 2]);
  expect(without.weights).toEqual([expect.closeTo(0.375, 12), expect.closeTo(0.625, 12)]);
});

test('one reference has nothing to sweep', () => {
  expect(
    sweepSettings({ loss: 'mrpo', official_code: false, clip: { mode: 'off' }, weights: 'arwc', pooling: 'harmonic' }, [
      'only',
    ]),
  ).toHaveLength(1);
});

test('the page is one file: no script, no address, every setting in it, names escaped', async () => {
  const { config, pairs, scores } = await scored();
  const whatif = await exploreSettings({ scores, pairs, objective: config.objective });
  const page = whatifPage({ ...whatif, references: ['<b>&'] }, 'my & run.yaml');
  expect(page).not.toMatch(/<script|https?:|src=|@import|url\(/i);
  expect(page).toContain('&lt;b&gt;&amp;');
  expect(page).toContain('my &amp; run.yaml');
  for (const { setting } of whatif.results) expect(page).toContain(setting.label);
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
  expect(page.match(/<svg/g)).toHaveLength(4);
});

test.each([
  ['another loss', { loss: 'dpo' as const }, 'objective.loss is dpo'],
  ['the formulas of the released code', { official_code: true }, 'objective.official_code is on'],
])('a sweep for %s says that it shows MRPO', async (_what, change, note) => {
  const { config, pairs, scores } = await scored();
  const plain = await exploreSettings({ scores, pairs, objective: config.objective });
  expect([plain.assumed, plain.results[0]?.setting.label]).toEqual([undefined, 'as configured']);
  const other = await exploreSettings({ scores, pairs, objective: { ...config.objective, ...change } });
  expect(other.assumed).toContain(note);
  expect(other.results[0]?.setting.label).toBe('MRPO');
  expect(whatifPage(other, 'x.yaml')).toContain(note);
});
