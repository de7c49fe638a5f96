import { describe, expect, it } from 'vitest';
import { eachSide } from '../../src/core/sides.js';
import type { Trainer } from '../../src/backend/backend.js';
import { BackendFault } from '../../src/backend/fault.js';
import { MrpoError } from '../../src/core/errors.js';
import type { StepPlan } from '../../src/training/batches.js';
import { batchOf, pairTokens } from '../../src/training/examples.js';
import { createStepRunner, type StepOutcome, type StepRunner } from '../../src/training/step.js';
import { logpsOf, toyPairs, toyTraining, type ToyTraining } from './toy-training.js';

const INDICES = [0, 1, 2, 3, 4, 5, 6, 7];

function runnerOf(toy: ToyTraining, signal?: AbortSignal): StepRunner {
  return createStepRunner({
    ...toy,
    referenceNames: ['policy', 'other'],
    seed: 3,
    weightDecay: 0.01,
    maxGradNorm: 1,
    signal,
  });
}

const planOf = (step: number, indices = INDICES): StepPlan => ({ step, epoch: 1, indices, endsEpoch: true });

function oneStep(toy: ToyTraining, tokenBudget: number): Promise<StepOutcome> {
  return runnerOf(toy).run({ plan: planOf(1), learningRate: 0.05, tokenBudget });
}

describe('a step', () => {
  it('sends the gradient of the mean loss over the pairs of the step, whatever the micro-batches', async () => {
    const toy = await toyTraining();
    const before = await logpsOf(toy);
    await oneStep(toy, 120);
    expect(toy.calls.forwards.length).toBeGreaterThan(2);
    const whole = toy.objective.evaluate(
      batchOf(
        toy.examples,
        INDICES,
        eachSide((side) => before[side].slice(0, 8)),
      ),
    );
    for (const [i, index] of INDICES.entries()) {
      const [chosen, rejected] = toy.calls.gradients.get(index) ?? [NaN, NaN];
      expect(chosen).toBe((whole.gradients.chosen[i] ?? NaN) / 8);
      expect(rejected).toBe((whole.gradients.rejected[i] ?? NaN) / 8);
    }
  });

  it('lowers the loss of its pairs', async () => {
    const toy = await toyTraining();
    const first = await oneStep(toy, 1e9);
    const after = await logpsOf(toy);
    const loss = toy.objective.evaluate(
      batchOf(
        toy.examples,
        INDICES,
        eachSide((side) => after[side].slice(0, 8)),
      ),
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

  it('gives all micro-batches of a step one seed, however many there are, the same in every repetition', async () => {
    const seedsOf = async (tokenBudget: number): Promise<number[]> => {
      const toy = await toyTraining();
      await oneStep(toy, tokenBudget);
      return toy.calls.forwards.map(({ seed }) => seed);
    };
    const [many, few] = [await seedsOf(120), await seedsOf(4096)];
    expect(many.length).toBeGreaterThan(few.length);
    expect(new Set([...many, ...few]).size).toBe(1);
  });
});

/** Names of calls as they are sent, and `<name> done` when they are answered. */
function timeline(): { readonly order: string[]; readonly wrap: (trainer: Trainer) => Trainer } {
  const order: string[] = [];
  const noted = async <T>(name: string, call: Promise<T>): Promise<T> => {
    order.push(name);
    const result = await call;
    order.push(`${name} done`);
    return result;
  };
  const wrap = (trainer: Trainer): Trainer => ({
    ...trainer,
    forward: (request) => noted(`forward ${request.step}.${request.microBatch}`, trainer.forward(request)),
    backward: (step, microBatch, gradients) =>
      noted(`backward ${step}.${microBatch}`, trainer.backward(step, microBatch, gradients)),
    commit: (request) => noted(`commit ${request.step}`, trainer.commit(request)),
    abort: (step) => noted(`abort ${step}`, trainer.abort(step)),
  });
  return { order, wrap };
}

describe('the order of calls', () => {
  const first = { plan: planOf(1), learningRate: 0.05, tokenBudget: 1e9 };
  const next = planOf(2, [8, 9, 10, 11]);

  it('queues backward, commit and the forward of the next step without waiting for any', async () => {
    const { order, wrap } = timeline();
    const runner = runnerOf(await toyTraining({ wrap }));
    await runner.run({ ...first, next });
    expect(order.slice(0, 5)).toEqual(['forward 1.0', 'forward 1.0 done', 'backward 1.0', 'commit 1', 'forward 2.0']);
    await runner.run({ plan: next, learningRate: 0.05, tokenBudget: 1e9 });
    expect(order.filter((name) => name === 'forward 2.0')).toHaveLength(1);
    expect(order.filter((name) => name.startsWith('abort'))).toEqual([]);
  });

  it('queues the forward of the next micro-batch behind the backward of this one', async () => {
    const { order, wrap } = timeline();
    await runnerOf(await toyTraining({ wrap })).run({ ...first, tokenBudget: 120 });
    expect(order.indexOf('forward 1.1')).toBe(order.indexOf('backward 1.0') + 1);
    expect(order.indexOf('forward 1.1')).toBeLessThan(order.indexOf('backward 1.0 done'));
  });

  it('gives the same steps sent ahead as one after the other', async () => {
    const [apart, ahead] = [await toyTraining(), await toyTraining()];
    const [one, other] = [runnerOf(apart), runnerOf(ahead)];
    for (let step = 1; step <= 3; step++) {
      const request = { plan: planOf(step), learningRate: 0.05, tokenBudget: 120 };
      const alone = await one.run(request);
      const queued = await other.run({ ...request, next: planOf(step + 1) });
      expect(queued.measures).toEqual(alone.measures);
    }
    expect(await logpsOf(ahead)).toEqual(await logpsOf(apart));
  });

  it('drops what it sent ahead when other pairs are asked for', async () => {
    const toy = await toyTraining();
    const runner = runnerOf(toy);
    await runner.run({ ...first, next });
    await runner.run({ plan: planOf(2, [8, 9]), learningRate: 0.05, tokenBudget: 1e9 });
    expect(toy.calls.aborts).toEqual([2]);
    expect(toy.calls.commits.map(({ step }) => step)).toEqual([1, 2]);
  });

  it('sends nothing ahead once the run is to stop', async () => {
    const toy = await toyTraining();
    await runnerOf(toy, AbortSignal.abort()).run({ ...first, next });
    expect(toy.calls.forwards.map(({ step }) => step)).toEqual([1]);
  });

  it('replays a step whose forward was sent ahead and did not fit', async () => {
    const whole = await toyTraining();
    const split = await toyTraining({ memory: { maxForwardRows: 3 } });
    for (const toy of [whole, split]) {
      const runner = runnerOf(toy);
      await runner.run({ plan: planOf(1, [0, 1]), learningRate: 0.05, tokenBudget: 1e9, next: planOf(2) });
      await runner.run({ plan: planOf(2), learningRate: 0.05, tokenBudget: 1e9 });
    }
    expect(split.calls.aborts).toContain(2);
    const [one, other] = [await logpsOf(whole), await logpsOf(split)];
    one.chosen.forEach((logp, i) => expect(other.chosen[i]).toBeCloseTo(logp, 9));
  });
});

describe('two forwards at once', () => {
  const halves = { memory: { saturatingTokens: 1 } };
  const first = { plan: planOf(1), learningRate: 0.05, tokenBudget: 1e9 };

  it('keep the device at work while a gradient is on its way, across steps too', async () => {
    const { order, wrap } = timeline();
    const runner = runnerOf(await toyTraining({ ...halves, wrap }));
    await runner.run({ ...first, next: planOf(2) });
    const sent = order.filter((name) => !name.endsWith('done'));
    const [step1, step2] = [sent.slice(0, 5), sent.slice(5)];
    expect(step1).toEqual(['forward 1.0', 'forward 1.1', 'backward 1.0', 'backward 1.1', 'commit 1']);
    expect(step2).toEqual(['forward 2.0', 'forward 2.1']);
    expect(order.indexOf('forward 1.1')).toBeLessThan(order.indexOf('forward 1.0 done'));
    expect(order.indexOf('forward 2.1')).toBeLessThan(order.indexOf('commit 1 done'));
    await runner.run({ plan: planOf(2), learningRate: 0.05, tokenBudget: 1e9 });
    expect(order.filter((name) => name === 'forward 2.1')).toHaveLength(1);
  });

  it('give the update of the step in one', async () => {
    const [whole, cut] = [await toyTraining(), await toyTraining(halves)];
    const [one, other] = [runnerOf(whole), runnerOf(cut)];
    for (let step = 1; step <= 3; step++) {
      const expected = await one.run({ ...first, plan: planOf(step), next: planOf(step + 1) });
      const got = await other.run({ ...first, plan: planOf(step), next: planOf(step + 1) });
      expect([expected.microBatches, got.microBatches]).toEqual([1, 2]);
      expect(got.measures['loss']).toBeCloseTo(expected.measures['loss'] ?? NaN, 12);
    }
    const [apart, together] = [await logpsOf(whole), await logpsOf(cut)];
    apart.chosen.forEach((logp, i) => expect(together.chosen[i]).toBeCloseTo(logp, 9));
  });

  it.each([1, 60, 90, 120, 200, 1e9])('hold no more than %i tokens of graphs, or one pair', async (tokenBudget) => {
    let largest = 0;
    const { examples } = await toyTraining();
    const tokensOf = (row: number): number => pairTokens(examples, row);
    const tell = (held: number): void => void (largest = Math.max(largest, held));
    const toy = await toyTraining({ ...halves, wrap: (trainer) => counting(trainer, tokensOf, tell) });
    const longest = Math.max(...INDICES.map(tokensOf));
    const runner = runnerOf(toy);
    for (let step = 1; step <= 2; step++) {
      await runner.run({ ...first, plan: planOf(step), tokenBudget, next: planOf(step + 1) });
    }
    expect(largest).toBeGreaterThan(0);
    expect(largest).toBeLessThanOrEqual(Math.max(tokenBudget, longest));
  });

  it('are given up where only one fits', async () => {
    const whole = await toyTraining();
    await oneStep(whole, 1e9);
    const tight = await toyTraining({ ...halves, wrap: oneGraphOnly });
    const outcome = await oneStep(tight, 1e9);
    expect(tight.calls.aborts.length).toBeGreaterThan(0);
    expect(outcome.microBatches).toBeGreaterThan(1);
    expect(tight.calls.commits).toHaveLength(1);
    const [one, other] = [await logpsOf(whole), await logpsOf(tight)];
    one.chosen.forEach((logp, i) => expect(other.chosen[i]).toBeCloseTo(logp, 9));
  });
});

describe('a step out of memory', () => {
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

  it.each([
    ['backward', 1],
    ['backward', 2],
    ['commit', 1],
    ['commit', 2],
  ] as const)('replays when %s is where it happens, as it was after a moment, then in halves', async (frame, times) => {
    const whole = await toyTraining();
    const { microBatches } = await oneStep(whole, 1e9);
    const split = await toyTraining({ wrap: (trainer) => failing(trainer, frame, times) });
    const outcome = await oneStep(split, 1e9);
    if (times === 1) expect(outcome.microBatches).toBe(microBatches);
    else expect(outcome.microBatches).toBeGreaterThan(microBatches);
    const [one, other] = [await logpsOf(whole), await logpsOf(split)];
    one.chosen.forEach((logp, i) => expect(other.chosen[i]).toBeCloseTo(logp, 9));
  });

  it('gives up over one pair although a longer one of the next step was sent ahead', async () => {
    const toy = await toyTraining({ wrap: (trainer) => ({ ...trainer, backward: () => outOfMemory('backward') }) });
    const lengths = INDICES.map((index) => pairTokens(toy.examples, index));
    const [shortest, longest] = [Math.min, Math.max].map((pick) => lengths.indexOf(pick(...lengths)));
    expect(lengths[shortest ?? 0]).toBeLessThan(lengths[longest ?? 0] ?? 0);
    const request = { plan: planOf(1, [shortest ?? 0]), learningRate: 0.05, tokenBudget: 1e9 };
    await expect(runnerOf(toy).run({ ...request, next: planOf(2, [longest ?? 0]) })).rejects.toThrow(
      /one pair at a time/,
    );
  });

  it('splits several pairs that are no longer together than one other', async () => {
    const toy = await toyTraining({ memory: { maxForwardRows: 1 } });
    const lengths = INDICES.map((index) => pairTokens(toy.examples, index));
    const outcome = await oneStep(toy, 2 * Math.min(...lengths));
    expect(outcome.microBatches).toBe(INDICES.length);
  });

  it('is noticed before the rest of the step is computed', async () => {
    let failures = 0;
    const wrap = (trainer: Trainer): Trainer => ({
      ...trainer,
      backward: (...frame) => (failures++ === 0 ? outOfMemory('backward') : trainer.backward(...frame)),
    });
    const toy = await toyTraining({ wrap });
    await oneStep(toy, 150);
    const replayedFrom = toy.calls.forwards.map(({ microBatch }) => microBatch).lastIndexOf(0);
    expect(replayedFrom).toBeLessThanOrEqual(2);
  });

  it('says how long the longest pair is when one pair alone does not fit', async () => {
    const toy = await toyTraining({ memory: { maxForwardRows: 0 } });
    await expect(oneStep(toy, 1e9)).rejects.toThrow(
      /one pair at a time; the longest of this step, toys\.jsonl row \d+, has \d+ tokens/,
    );
    expect(toy.calls.commits).toEqual([]);
  });
});

describe('a step with log-probs that are not finite', () => {
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

/** Tells the tokens of the graphs that are on the device together, as frames are worked on in order. */
function counting(trainer: Trainer, tokensOf: (row: number) => number, tell: (held: number) => void): Trainer {
  const held = new Map<number, number>();
  return {
    ...trainer,
    forward(request) {
      held.set(
        request.microBatch,
        request.rows.reduce((sum, row) => sum + tokensOf(row), 0),
      );
      tell([...held.values()].reduce((sum, tokens) => sum + tokens, 0));
      return trainer.forward(request);
    },
    backward(step, microBatch, gradients) {
      held.delete(microBatch);
      return trainer.backward(step, microBatch, gradients);
    },
  };
}

/** A device with room for one graph. */
function oneGraphOnly(trainer: Trainer): Trainer {
  const held = new Set<number>();
  return {
    ...trainer,
    async forward(request) {
      if (held.size > 0) throw new BackendFault('out_of_memory', 'no room for a second graph; nothing was applied');
      held.add(request.microBatch);
      return trainer.forward(request);
    },
    backward(step, microBatch, gradients) {
      held.delete(microBatch);
      return trainer.backward(step, microBatch, gradients);
    },
    abort(step) {
      held.clear();
      return trainer.abort(step);
    },
  };
}

const outOfMemory = (frame: string): Promise<never> =>
  Promise.reject(new BackendFault('out_of_memory', `no memory left in a ${frame}; nothing was applied`));

/** Runs out of memory once in one kind of frame, as a device does whose memory is full at that moment. */
function failing(trainer: Trainer, frame: 'backward' | 'commit', times: number): Trainer {
  let left = times;
  const fail = (): void => {
    if (left === 0) return;
    left -= 1;
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
