import { describe, expect, it } from 'vitest';
import type { Trainer } from '../../src/backend/backend.js';
import { BackendFault } from '../../src/backend/fault.js';
import { MrpoError } from '../../src/core/errors.js';
import { batchOf } from '../../src/training/examples.js';
import { runStep, type StepOutcome } from '../../src/training/step.js';
import { logpsOf, toyPairs, toyTraining, type ToyTraining } from './toy-training.js';

const INDICES = [0, 1, 2, 3, 4, 5, 6, 7];

function oneStep(toy: ToyTraining, tokenBudget: number, upcoming: readonly number[] = []): Promise<StepOutcome> {
  const context = { ...toy, referenceNames: ['policy', 'other'], seed: 3, weightDecay: 0.01, maxGradNorm: 1 };
  return runStep(context, {
    plan: { step: 1, epoch: 1, indices: INDICES, endsEpoch: true },
    learningRate: 0.05,
    tokenBudget,
    upcoming,
  });
}

describe('runStep', () => {
  it('sends the gradient of the mean loss over the pairs of the step, whatever the micro-batches', async () => {
    const toy = await toyTraining();
    const before = await logpsOf(toy);
    await oneStep(toy, 120);
    expect(toy.calls.forwards.length).toBeGreaterThan(2);
    const whole = toy.objective.evaluate(
      batchOf(toy.examples, INDICES, before.chosen.slice(0, 8), before.rejected.slice(0, 8)),
    );
    for (const [i, index] of INDICES.entries()) {
      const [chosen, rejected] = toy.calls.gradients.get(index) ?? [NaN, NaN];
      expect(chosen).toBe((whole.gradChosen[i] ?? NaN) / 8);
      expect(rejected).toBe((whole.gradRejected[i] ?? NaN) / 8);
    }
  });

  it('lowers the loss of its pairs', async () => {
    const toy = await toyTraining();
    const first = await oneStep(toy, 1e9);
    const after = await logpsOf(toy);
    const loss = toy.objective.evaluate(
      batchOf(toy.examples, INDICES, after.chosen.slice(0, 8), after.rejected.slice(0, 8)),
    ).losses;
    expect(loss.reduce((sum, value) => sum + value, 0) / 8).toBeLessThan(first.measures['loss'] ?? NaN);
  });

  it('commits exactly its micro-batches with the settings of the run', async () => {
    const toy = await toyTraining();
    const outcome = await oneStep(toy, 120);
    const microBatches = toy.calls.forwards.map(({ microBatch }) => microBatch);
    expect(toy.calls.commits).toEqual([
      { step: 1, microBatches, learningRate: 0.05, weightDecay: 0.01, maxGradNorm: 1 },
    ]);
    expect(outcome.microBatches).toBe(microBatches.length);
    expect(outcome.commit.gradNorm).toBeGreaterThan(0);
  });

  it('names the next rows ahead of time, across the border of the step', async () => {
    const toy = await toyTraining();
    await oneStep(toy, 120, [9, 10]);
    expect(toy.calls.prepared).toEqual([...toy.calls.forwards.slice(1).map(({ rows }) => rows), [9, 10]]);
  });

  it('sends the next rows behind the backward pass, without waiting for its end', async () => {
    const order: string[] = [];
    const wrap = (trainer: Trainer): Trainer => ({
      ...trainer,
      prepare(rows) {
        order.push('prepare');
        trainer.prepare(rows);
      },
      async backward(...given) {
        order.push('backward');
        const result = await trainer.backward(...given);
        order.push('done');
        return result;
      },
    });
    await oneStep(await toyTraining({ wrap }), 1e9, [9]);
    expect(order).toEqual(['backward', 'prepare', 'done']);
  });

  it('gives every micro-batch its own seed, the same in every repetition', async () => {
    const seedsOf = async (): Promise<number[]> => {
      const toy = await toyTraining();
      await oneStep(toy, 120);
      return toy.calls.forwards.map(({ seed }) => seed);
    };
    const seeds = await seedsOf();
    expect(new Set(seeds).size).toBe(seeds.length);
    expect(await seedsOf()).toEqual(seeds);
  });
});

describe('runStep out of memory', () => {
  it('replays the step in halves, and the update is that of the unsplit step', async () => {
    const whole = await toyTraining();
    await oneStep(whole, 1e9);
    const split = await toyTraining({ memory: { maxForwardRows: 2 } });
    const outcome = await oneStep(split, 1e9);

    expect(split.calls.aborts.length).toBeGreaterThan(0);
    expect(outcome.microBatches).toBeGreaterThanOrEqual(4);
    expect([...split.calls.gradients].sort(([a], [b]) => a - b)).toEqual(
      [...whole.calls.gradients].sort(([a], [b]) => a - b),
    );
    const [one, other] = [await logpsOf(whole), await logpsOf(split)];
    one.chosen.forEach((logp, i) => expect(other.chosen[i]).toBeCloseTo(logp, 9));
    one.rejected.forEach((logp, i) => expect(other.rejected[i]).toBeCloseTo(logp, 9));
  });

  it.each(['backward', 'commit'] as const)('replays when %s is where it happens', async (frame) => {
    const whole = await toyTraining();
    await oneStep(whole, 1e9);
    const split = await toyTraining({ wrap: (trainer) => failOnce(trainer, frame) });
    const outcome = await oneStep(split, 1e9);
    expect(outcome.microBatches).toBeGreaterThan(1);
    const [one, other] = [await logpsOf(whole), await logpsOf(split)];
    one.chosen.forEach((logp, i) => expect(other.chosen[i]).toBeCloseTo(logp, 9));
  });

  it('says how long the longest pair is when one pair alone does not fit', async () => {
    const toy = await toyTraining({ memory: { maxForwardRows: 0 } });
    await expect(oneStep(toy, 1e9)).rejects.toThrow(
      /one pair at a time; the longest of this step, toys\.jsonl row \d+, has \d+ tokens/,
    );
    expect(toy.calls.commits).toEqual([]);
  });
});

describe('runStep with log-probs that are not finite', () => {
  it('names the row and the side, and applies nothing', async () => {
    const texts = toyPairs(12).map((pair, i) =>
      i === 5 ? { ...pair, rejected: [{ role: 'assistant', content: 'broken' }] } : pair,
    );
    const toy = await toyTraining({ pairTexts: texts, memory: { brokenText: 'broken' } });
    toy.examples.references.forEach((reference) => (reference.rejected.logps[5] = -10));
    const failure = await oneStep(toy, 120).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(failure).toBeInstanceOf(MrpoError);
    expect((failure as MrpoError).code).toBe('data');
    expect((failure as MrpoError).message).toMatch(
      /^toys\.jsonl row 6: the log-prob of the rejected response under the policy is NaN/,
    );
    expect(toy.calls.commits).toEqual([]);
    expect(toy.calls.aborts).toEqual([1]);
  });
});

/** Runs out of memory once in one kind of frame, as a device does whose memory is full at that moment. */
function failOnce(trainer: Trainer, frame: 'backward' | 'commit'): Trainer {
  let failed = false;
  const fail = (): void => {
    if (failed) return;
    failed = true;
    throw new BackendFault('out_of_memory', 'no memory left; nothing was applied');
  };
  return {
    ...trainer,
    async backward(...frameArguments) {
      if (frame === 'backward') fail();
      return trainer.backward(...frameArguments);
    },
    async commit(request) {
      if (frame === 'commit') fail();
      return trainer.commit(request);
    },
  };
}
