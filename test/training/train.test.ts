import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { CheckpointPiece, Trainer } from '../../src/backend/backend.js';
import { loadConfig } from '../../src/config/index.js';
import { fromExactJson, toExactJson } from '../../src/core/exact-json.js';
import { evaluatePolicy } from '../../src/training/evaluate.js';
import type { TrainingState } from '../../src/training/state.js';
import { trainPolicy, type TrainingEnd, type TrainingEvent, type TrainingOptions } from '../../src/training/train.js';
import { logpsOf, toyTraining, type ToyTraining } from './toy-training.js';

interface Trained {
  readonly events: readonly TrainingEvent[];
  readonly end: TrainingEnd;
}

function options(toy: ToyTraining, training: object, changes: Partial<TrainingOptions> = {}): TrainingOptions {
  const { config } = loadConfig({
    object: {
      policy: { model: 'toy:policy' },
      data: { train: 'x' },
      training: { learning_rate: 0.05, batch_size: 4, epochs: 2, ...training },
    },
    env: {},
  });
  const evaluation = { ...toy, referenceNames: ['policy', 'other'] };
  return {
    ...toy,
    heldOut: toy.examples,
    referenceNames: ['policy', 'other'],
    training: config.training,
    evaluate: (signal, only) => evaluatePolicy({ ...evaluation, only, signal }),
    ...changes,
  };
}

async function train(
  given: TrainingOptions,
  onEvent: (event: TrainingEvent) => void | Promise<void> = () => undefined,
): Promise<Trained> {
  const loop = trainPolicy(given);
  const events: TrainingEvent[] = [];
  for (;;) {
    const next = await loop.next();
    if (next.done === true) return { events, end: next.value };
    events.push(next.value);
    await onEvent(next.value);
  }
}

async function piecesOf(trainer: Trainer, step: number): Promise<CheckpointPiece[]> {
  const pieces: CheckpointPiece[] = [];
  for await (const piece of (await trainer.saveCheckpoint(step)).pieces) pieces.push(piece);
  return pieces;
}

const withoutTimes = (values: readonly object[]): unknown =>
  JSON.parse(toExactJson(values), (key, value: unknown) => (/seconds/i.test(key) ? 0 : value));

const evaluatedSteps = ({ events }: Trained): number[] =>
  events.flatMap((event) => (event.type === 'evaluation' ? [event.step] : []));

describe('trainPolicy', () => {
  it('evaluates before the first update and after each epoch, and trains', async () => {
    const trained = await train(options(await toyTraining(), {}));
    expect(evaluatedSteps(trained)).toEqual([0, 3, 6]);
    expect(trained.end).toMatchObject({ steps: 6, totalSteps: 6, stopped: false });
    const losses = trained.events.flatMap((event) =>
      event.type === 'evaluation' ? [event.evaluation.measures['loss'] ?? NaN] : [],
    );
    expect(losses[2]).toBeLessThan(losses[1] ?? NaN);
    expect(losses[1]).toBeLessThan(losses[0] ?? NaN);
  });

  it('evaluates every so many steps when asked, and always at the end', async () => {
    const trained = await train(options(await toyTraining(), { eval_steps: 4 }));
    expect(evaluatedSteps(trained)).toEqual([0, 4, 6]);
  });

  it('starts at margin 0 against the policy itself, and loss ln 2 for DPO', async () => {
    const toy = await toyTraining({ objective: { loss: 'dpo' } });
    const { events } = await train(options(toy, { max_steps: 1 }));
    const [start] = events;
    if (start?.type !== 'evaluation') throw new Error('the first event is an evaluation');
    expect(start.evaluation.measures['rewards/margins']).toBe(0);
    expect(start.evaluation.measures['loss']).toBe(Math.LN2);
    expect(events.flatMap((event) => (event.type === 'step' ? [event.measures['loss']] : []))).toEqual([Math.LN2]);
  });

  it('gives the same policy for the same seed and another one for another', async () => {
    const result = async (seed: number): Promise<Float64Array> => {
      const toy = await toyTraining();
      await train(options(toy, { seed }));
      return (await logpsOf(toy)).chosen;
    };
    const first = await result(1);
    expect(await result(1)).toEqual(first);
    expect(await result(2)).not.toEqual(first);
  });

  it('follows the schedule', async () => {
    const { events } = await train(options(await toyTraining(), { lr_scheduler_type: 'linear', warmup_ratio: 0.5 }));
    const rates = events.flatMap((event) => (event.type === 'step' ? [event.learningRate] : []));
    expect(rates.map((rate) => Number((rate / 0.05).toFixed(6)))).toEqual([
      0, 0.333333, 0.666667, 1, 0.666667, 0.333333,
    ]);
  });

  it('stops at the step boundary, and the steps before it stand', async () => {
    const stop = new AbortController();
    const toy = await toyTraining();
    const trained = await train(options(toy, {}, { signal: stop.signal }), (event) => {
      if (event.type === 'step' && event.step === 2) stop.abort();
    });
    expect(trained.end).toMatchObject({ steps: 2, totalSteps: 6, stopped: true });
    expect(toy.calls.aborts).toEqual([3]); // its forward was sent ahead, and must not be held through the export
    expect(evaluatedSteps(trained)).toEqual([0]);
    const two = await toyTraining();
    const plan = options(two, {});
    const loop = trainPolicy(plan);
    for (let event = 0; event < 4; event++) await loop.next(); // the evaluation, a step, its boundary, a step
    expect(await logpsOf(toy)).toEqual(await logpsOf(two));
  });

  it.each([1, 2, 3, 4, 5, 6])('goes on behind step %i as if it had never stopped', async (kept) => {
    const plan = { lr_scheduler_type: 'linear', warmup_ratio: 0.3, eval_steps: 2 };
    const toy = { objective: { weights: 'tsw' } };
    const whole = await toyTraining(toy);
    let point: { state: string; pieces: CheckpointPiece[] } | undefined;
    const undisturbed = await train(options(whole, plan), async (event) => {
      if (event.type !== 'boundary' || event.step !== kept) return;
      point = { state: toExactJson(event.state), pieces: await piecesOf(whole.trainer, kept) };
    });
    const resumed = await toyTraining(toy);
    await train(options(resumed, { ...plan, max_steps: 3 })); // whatever it has done before
    await resumed.trainer.loadCheckpoint(Readable.from(point?.pieces ?? []));
    const resume = fromExactJson(point?.state ?? '') as TrainingState;
    const rest = await train(options(resumed, plan, { resume }));
    const behind = undisturbed.events.filter(({ step, type }) => step > kept || (step === kept && type === 'boundary'));
    expect(withoutTimes(rest.events)).toEqual(withoutTimes(behind));
    expect(withoutTimes([rest.end])).toEqual(withoutTimes([undisturbed.end]));
    expect(await logpsOf(resumed)).toEqual(await logpsOf(whole));
  });

  it('owes the evaluation that a stop has cut off, and makes it when it goes on', async () => {
    const toy = await toyTraining();
    const stop = new AbortController();
    const cut = options(toy, { eval_steps: 2 }, { signal: stop.signal });
    const { evaluate } = cut;
    const stopped = await train({
      ...cut,
      evaluate: async (signal, only) => {
        if (toy.calls.commits.length === 2) stop.abort();
        signal?.throwIfAborted();
        return evaluate(signal, only);
      },
    });
    expect(stopped.end).toMatchObject({ stopped: true, state: { step: 2, evaluated: false } });
    const rest = await train(options(toy, { eval_steps: 2 }, { resume: stopped.end.state }));
    expect(evaluatedSteps(rest)).toEqual([2, 4, 6]);
  });

  it('ends where it is told to, with a last evaluation', async () => {
    const toy = await toyTraining();
    const loop = trainPolicy(options(toy, { eval_steps: 5 }));
    const evaluated: number[] = [];
    for (let answer: 'finish' | undefined; ;) {
      const next = await loop.next(answer);
      if (next.done === true) {
        expect(next.value).toMatchObject({ steps: 2, stopped: false });
        break;
      }
      const { type, step } = next.value;
      if (type === 'evaluation') evaluated.push(step);
      answer = type === 'boundary' && step === 2 ? 'finish' : undefined;
    }
    expect(evaluated).toEqual([0, 2]);
  });

  it('keeps smaller micro-batches after running out of memory, and says so once', async () => {
    const trained = await train(options(await toyTraining({ memory: { maxForwardRows: 2 } }), {}));
    const told = trained.events.filter((event) => event.type === 'smaller_micro_batches');
    const steps = trained.events.flatMap((event) => (event.type === 'step' ? [event.microBatches] : []));
    expect(told.length).toBeGreaterThan(0);
    expect(told.length).toBeLessThan(3);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(2);
  });

  it('gives up when the gradient is not finite again and again', async () => {
    const skipping = (trainer: Trainer): Trainer => ({
      ...trainer,
      async commit(request) {
        return { ...(await trainer.commit(request)), skipped: true };
      },
    });
    const toy = await toyTraining({ wrap: skipping });
    await expect(train(options(toy, {}))).rejects.toThrow(/step 5: the gradient was not finite in 5 steps in a row/);
  });

  it('pays weights that learn from held-out accuracy, and refuses them without held-out pairs', async () => {
    const toy = await toyTraining({ objective: { weights: 'tsw' } });
    const before = JSON.stringify(toy.objective.state?.());
    await train(options(toy, { epochs: 1 }));
    expect(JSON.stringify(toy.objective.state?.())).not.toBe(before);
    const none = { ...toy.examples, size: 0, rows: [], names: [] };
    await expect(train(options(toy, {}, { heldOut: none }))).rejects.toThrow(
      /learn from held-out pairs, and there are none/,
    );
  });

  it('fixes weights by the held-out pairs before the first step', async () => {
    const toy = await toyTraining({ objective: { weights: 'vdw' } });
    const { events } = await train(options(toy, { epochs: 1 }));
    const weights = events.flatMap((event) =>
      event.type === 'step' ? [event.measures['references/other/weight']] : [],
    );
    expect(new Set(weights.map((weight) => weight?.toFixed(12))).size).toBe(1);
    expect(weights[0]).not.toBeCloseTo(0.5, 3);
  });
});
