import { describe, expect, it } from 'vitest';
import { MrpoError } from '../../src/core/errors.js';
import { createObjective } from '../../src/objectives/create-objective.js';
import type { Objective, PairBatch } from '../../src/objectives/objective.js';
import { batchOf, objectiveConfig } from './batches.js';

const good = batchOf(
  {
    policy: [-5, -6],
    references: [
      [-5, -7],
      [-4, -6],
    ],
  },
  {
    policy: [-8, -9],
    references: [
      [-8, -8],
      [-9, -9],
    ],
  },
);

/** The good batch with one number replaced. */
function withLogp(model: 'policy' | 0 | 1, side: 'chosen' | 'rejected', row: number, value: number): PairBatch {
  const batch = structuredClone(good) as { -readonly [key in keyof PairBatch]: PairBatch[key] };
  const columns = model === 'policy' ? batch.policy : batch.references[model]!;
  columns[side].logps[row] = value;
  return batch;
}

async function objective(input: Parameters<typeof objectiveConfig>[0] = {}): Promise<Objective> {
  return createObjective(objectiveConfig(input), { references: 2 });
}

function errorOf(run: () => unknown): MrpoError {
  try {
    run();
  } catch (error) {
    if (error instanceof MrpoError) return error;
    throw error;
  }
  throw new Error('expected an error');
}

describe('log-probs', () => {
  it.each([
    ['policy', 'chosen', 0, 0.001, 'row 0, policy, chosen response: log-prob is 0.001'],
    ['policy', 'rejected', 1, NaN, 'row 1, policy, rejected response: log-prob is NaN'],
    [0, 'rejected', 1, -Infinity, 'row 1, reference 1, rejected response: log-prob is -Infinity'],
    [1, 'chosen', 0, Infinity, 'row 0, reference 2, chosen response: log-prob is Infinity'],
    [1, 'rejected', 1, 5e-324, 'row 1, reference 2, rejected response: log-prob is 5e-324'],
  ] as const)('of %s, %s, row %d: %d is refused by name', async (model, side, row, value, message) => {
    const mrpo = await objective();
    const error = errorOf(() => mrpo.evaluate(withLogp(model, side, row, value)));
    expect(error.code).toBe('data');
    expect(error.message).toBe(`${message}, expected a finite number <= 0`);
    expect(error.details).toMatchObject({ row, side, model: model === 'policy' ? 'policy' : `reference ${model + 1}` });
  });

  it('are named by the row of the user where the batch knows it', async () => {
    const batch = { ...withLogp(1, 'chosen', 1, NaN), rowIds: ['a', 'train.jsonl:17'] };
    const mrpo = await objective();
    expect(() => mrpo.evaluate(batch)).toThrow('row train.jsonl:17, reference 2, chosen response');
  });

  it('of 0 and of the smallest doubles are fine', async () => {
    const mrpo = await objective();
    expect(mrpo.evaluate(withLogp('policy', 'chosen', 0, 0)).losses.every(Number.isFinite)).toBe(true);
    expect(mrpo.evaluate(withLogp(0, 'chosen', 0, -5e-324)).losses.every(Number.isFinite)).toBe(true);
  });

  it.each(['dpo', 'simpo', 'multi-dpo', 'forward-kl', 'hypo', 'alpha-dpo'] as const)(
    'are checked by %s too',
    async (loss) => {
      const checked = await objective({ loss });
      expect(() => checked.evaluate(withLogp('policy', 'chosen', 1, NaN))).toThrow('row 1, policy, chosen response');
      expect(() => checked.evaluate(withLogp(1, 'chosen', 1, NaN))).toThrow('row 1, reference 2, chosen response');
    },
  );

  it('are checked by fit, which does not look at the policy', async () => {
    const vdw = await objective({ weights: 'vdw' });
    expect(() => vdw.fit!(withLogp(0, 'chosen', 1, 1))).toThrow('row 1, reference 1, chosen response');
    expect(() => vdw.fit!(withLogp('policy', 'chosen', 1, NaN))).not.toThrow();
  });

  it('are checked by observe', async () => {
    const swcw = await objective({ weights: 'swcw' });
    expect(() => swcw.observe!(withLogp(1, 'rejected', 0, 1))).toThrow('row 0, reference 2, rejected response');
  });
});

describe('columns', () => {
  it('must bring as many references as the objective was made for', async () => {
    const mrpo = await objective();
    const error = errorOf(() => mrpo.evaluate({ ...good, references: good.references.slice(1) }));
    expect(error.message).toBe('batch: expected log-probs of 2 references, got 1');
    expect(error.code).toBe('usage');
  });

  it('must be of one length', async () => {
    const mrpo = await objective();
    const short = {
      ...good,
      policy: { ...good.policy, rejected: { ...good.policy.rejected, logps: Float64Array.of(-1) } },
    };
    expect(() => mrpo.evaluate(short)).toThrow('batch: policy, rejected log-probs have 1 rows, expected 2');
  });

  it('may be empty', async () => {
    const empty = batchOf();
    const mrpo = await createObjective(objectiveConfig({ loss: 'simpo' }), { references: 0 });
    expect(mrpo.evaluate(empty).losses).toHaveLength(0);
  });
});

describe('lengths', () => {
  it.each([
    [0, '0'],
    [NaN, 'nothing'],
    [Infinity, 'Infinity'],
  ])('of %d tokens are refused where something is divided by them', async (tokens, shown) => {
    const batch = structuredClone(good);
    batch.references[1]!.rejected.tokens[1] = tokens;
    const perToken = await objective({ normalization: 'token' });
    expect(() => perToken.evaluate(batch)).toThrow(
      `row 1, rejected tokens of reference 2: got ${shown}, expected a count of at least 1`,
    );
    const sums = await objective();
    expect(() => sums.evaluate(batch)).not.toThrow();
  });

  it('are the bytes of the text for normalization byte', async () => {
    const batch = { ...good, bytes: { ...good.bytes, rejected: Float64Array.of(3, 0) } };
    const perByte = await objective({ weights_on: 'byte' });
    expect(() => perByte.evaluate(batch)).toThrow('row 1, rejected UTF-8 bytes: got 0');
  });
});
