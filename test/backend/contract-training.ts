/** The part of the contract about trainers: gradients, step transactions, what an adapter changes and keeps. */
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Sides } from '../../src/core/sides.js';
import type { Backend, CheckpointPiece, CommitRequest, Trainer, TrainerSpec } from '../../src/backend/backend.js';
import { expectClose, scoresOf, type ContractTarget } from './contract.js';
import { PAIRS, RULE, trainerSpec } from './support/pairs.js';

const STEP = { learningRate: 1e-2, weightDecay: 0, maxGradNorm: 0 };

/** An objective for tests: sum of `chosen` times the chosen log-probs plus `rejected` times the rejected ones. */
const [CHOSEN, REJECTED] = [-0.5, 0.25];

const columns = (chosen: number[], rejected: number[]): Sides<Float64Array> => ({
  chosen: Float64Array.from(chosen),
  rejected: Float64Array.from(rejected),
});

export function describeTraining(target: ContractTarget, folder: string, backendOf: () => Backend): void {
  describe('training', () => {
    let backend: Backend;
    let modelHandle: string;
    let rowSet: string;
    let trainer: Trainer;

    /** A fresh trainer on the model; a closed trainer leaves the model as it was loaded. */
    const start = async (spec: TrainerSpec = trainerSpec()): Promise<void> => {
      trainer = await backend.createTrainer(modelHandle, rowSet, spec);
    };
    const restart = async (spec: TrainerSpec = trainerSpec()): Promise<void> => {
      await trainer.close();
      await start(spec);
    };
    const policy = (): Promise<Map<number, readonly [number, number]>> => scoresOf(backend, rowSet);
    /** Forward and backward of one micro-batch with the test objective's gradient, times `factor`. */
    const work = async (step: number, microBatch: number, rows: readonly number[], factor = 1): Promise<void> => {
      const { logps } = await trainer.forward({ step, microBatch, rows, seed: 1 });
      const gradients = {
        chosen: logps.chosen.map(() => factor * CHOSEN),
        rejected: logps.rejected.map(() => factor * REJECTED),
      };
      await trainer.backward(step, microBatch, gradients);
    };
    const commit = (step: number, microBatches: readonly number[], change: Partial<CommitRequest> = {}) =>
      trainer.commit({ step, microBatches, ...STEP, ...change });
    const conflict = { reason: 'step_conflict' };

    beforeAll(async () => {
      backend = backendOf();
      modelHandle = (await backend.loadModel(target.model)).handle;
      rowSet = (await backend.registerRows(modelHandle, PAIRS, RULE)).handle;
    });
    afterAll(() => backend.unloadModel(modelHandle));
    beforeEach(() => start());
    afterEach(() => trainer.close());

    it('describes itself', () => {
      expect(trainer.trainableParameters).toBeGreaterThan(0);
      expect(trainer.trainedModules.length).toBeGreaterThan(0);
      expect(trainer.microBatchTokens).toBeGreaterThan(0);
      expect(trainer.saturatingTokens).toBeGreaterThan(0);
      expect(['off', 'selective', 'full']).toContain(trainer.checkpointing);
    });

    it('starts as the model it was put on, log-probs in the order of the rows', async () => {
      const scores = await policy();
      const { logps } = await trainer.forward({ step: 1, microBatch: 0, rows: [2, 0], seed: 1 });
      expectClose(logps.chosen, [scores.get(2)?.[0] ?? NaN, scores.get(0)?.[0] ?? NaN], target.tolerance);
      expectClose(logps.rejected, [scores.get(2)?.[1] ?? NaN, scores.get(0)?.[1] ?? NaN], target.tolerance);
      expect(await scoresOf(backend, rowSet, { adapterOff: true })).toEqual(scores);
    });

    // AdamW's first update is lr * g / (|g| + epsilon); with a huge epsilon that is plain descent at rate lr / epsilon,
    // so the objective must move by -(lr / epsilon) * |g|^2, first order. The control with the opposite sign must rise.
    it.each([
      ['down along the gradient', 1],
      ['up against it', -1],
    ])('moves the objective %s by what the gradient norm says', async (_direction, sign) => {
      const epsilon = 1e8;
      await restart(trainerSpec({ adamEpsilon: epsilon }));
      const before = objectiveOf(await policy());
      await work(1, 0, [0, 1, 2, 3], sign);
      const probe = await commit(1, [0], { learningRate: 0 });
      const wanted = 0.01;
      await work(2, 0, [0, 1, 2, 3], sign);
      // The second update of AdamW at the same gradient is again lr * g / (|g| + epsilon).
      await commit(2, [0], { learningRate: (epsilon * wanted) / probe.gradNorm ** 2 });
      const moved = objectiveOf(await policy()) - before;
      expect(Math.abs(moved + sign * wanted)).toBeLessThan(0.05 * wanted);
    });

    it('adds gradients up: one micro-batch or two give the same step', async () => {
      await work(1, 0, [0, 1, 2]);
      const whole = await commit(1, [0], { learningRate: 0 });
      await work(2, 5, [2]);
      await work(2, 3, [0, 1]);
      const parts = await commit(2, [3, 5], { learningRate: 0 });
      expectClose([parts.gradNorm], [whole.gradNorm], 10 * target.tolerance);
      expect(whole.gradNorm).toBeGreaterThan(0);
    });

    it('trains the policy and leaves its start as it was', async () => {
      const start = await policy();
      for (let step = 1; step <= 3; step++) {
        await work(step, 0, [0, 1]);
        await work(step, 1, [2, 3]);
        expect(await commit(step, [0, 1])).toMatchObject({ skipped: false });
      }
      const trained = await policy();
      expect(objectiveOf(trained)).toBeLessThan(objectiveOf(start) - 0.01);
      expect(await scoresOf(backend, rowSet, { adapterOff: true })).toEqual(start);
    });

    it('is deterministic: the same steps give the same numbers', async () => {
      const run = async (): Promise<Map<number, readonly [number, number]>> => {
        for (let step = 1; step <= 2; step++) {
          await work(step, 0, [0, 1, 2, 3]);
          await commit(step, [0], { maxGradNorm: 1, weightDecay: 0.01 });
        }
        return policy();
      };
      const first = await run();
      await restart();
      expect(await run()).toEqual(first);
    });

    it('clips the norm it reports', async () => {
      await restart(trainerSpec({ adamEpsilon: 1e8 }));
      const before = objectiveOf(await policy());
      await work(1, 0, [0, 1, 2, 3]);
      const { gradNorm } = await commit(1, [0], { learningRate: 0 });
      // Clipped to a hundredth, descent moves by a hundredth of lr / epsilon * |g|^2.
      await work(2, 0, [0, 1, 2, 3]);
      const learningRate = (1e8 * 0.01 * 100) / gradNorm ** 2;
      expectClose([(await commit(2, [0], { learningRate, maxGradNorm: gradNorm / 100 })).gradNorm], [gradNorm], 1e-3);
      // The first moment still holds a part of the unclipped first gradient: more than the clipped step, far below the full one.
      const moved = before - objectiveOf(await policy());
      expect(moved).toBeGreaterThan(0);
      expect(moved).toBeLessThan(0.8);
    });

    it('drops masks by the seed of the micro-batch', async () => {
      await restart(trainerSpec({ lora: { r: 4, alpha: 8, dropout: 0.5, targetModules: [] } }));
      await work(1, 0, [0, 1, 2, 3]);
      await commit(1, [0]);
      const forward = async (microBatch: number, seed: number): Promise<Sides<Float64Array>> =>
        (await trainer.forward({ step: 2, microBatch, rows: [0, 1], seed })).logps;
      const first = await forward(0, 11);
      expect(await forward(1, 11)).toEqual(first);
      expect(await forward(2, 12)).not.toEqual(first);
    });

    describe('refuses a frame that does not fit, and nothing changes:', () => {
      it('a repeated forward', async () => {
        await trainer.forward({ step: 1, microBatch: 0, rows: [0], seed: 1 });
        await expect(trainer.forward({ step: 1, microBatch: 0, rows: [0], seed: 1 })).rejects.toMatchObject(conflict);
        await trainer.backward(1, 0, columns([CHOSEN], [REJECTED]));
        await expect(trainer.forward({ step: 1, microBatch: 0, rows: [1], seed: 1 })).rejects.toMatchObject(conflict);
        await expectStepIs([0], [[0]]);
      });

      it('a repeated backward, which must not count twice', async () => {
        await work(1, 0, [0, 1]);
        await expect(trainer.backward(1, 0, columns([1, 1], [1, 1]))).rejects.toMatchObject(conflict);
        await expectStepIs([0], [[0, 1]]);
      });

      it('a backward without its forward', async () => {
        await work(1, 0, [0]);
        await expect(trainer.backward(1, 1, columns([1], [1]))).rejects.toMatchObject(conflict);
        await expect(trainer.backward(2, 0, columns([1], [1]))).rejects.toMatchObject(conflict);
        await expectStepIs([0], [[0]]);
      });

      it('gradients of another count', async () => {
        await trainer.forward({ step: 1, microBatch: 0, rows: [0], seed: 1 });
        await expect(trainer.backward(1, 0, columns([1], []))).rejects.toMatchObject(conflict);
        await trainer.backward(1, 0, columns([CHOSEN], [REJECTED]));
        await expectStepIs([0], [[0]]);
      });

      it('a commit while a forward waits for its gradients', async () => {
        await work(1, 0, [0]);
        await trainer.forward({ step: 1, microBatch: 1, rows: [1], seed: 1 });
        await expect(commit(1, [0])).rejects.toMatchObject(conflict);
        await expect(commit(1, [0, 1])).rejects.toMatchObject(conflict);
        await trainer.backward(1, 1, columns([CHOSEN], [REJECTED]));
        await expectStepIs([0, 1], [[0], [1]]);
      });

      it.each([
        ['too few', [0]],
        ['too many', [0, 1, 2]],
        ['others', [0, 7]],
        ['one twice', [0, 1, 1]],
        ['none', []],
      ])('a commit that names %s', async (_kind, named) => {
        await work(1, 0, [0]);
        await work(1, 1, [1]);
        await expect(commit(1, named)).rejects.toMatchObject(conflict);
        await expectStepIs([0, 1], [[0], [1]]);
      });

      it('a repeated commit', async () => {
        await work(1, 0, [0]);
        await commit(1, [0]);
        const scores = await policy();
        await expect(commit(1, [0])).rejects.toMatchObject(conflict);
        expect(await policy()).toEqual(scores);
      });

      it('frames of another step', async () => {
        await work(1, 0, [0]);
        await expect(trainer.forward({ step: 2, microBatch: 0, rows: [0], seed: 1 })).rejects.toMatchObject(conflict);
        await expect(commit(2, [0])).rejects.toMatchObject(conflict);
        await commit(1, [0], { learningRate: 0 });
        await expect(trainer.forward({ step: 1, microBatch: 1, rows: [0], seed: 1 })).rejects.toMatchObject(conflict);
        await work(2, 0, [0]);
        await commit(2, [0]);
      });

      it('rows that do not exist', async () => {
        const forward = trainer.forward({ step: 1, microBatch: 0, rows: [0, 99], seed: 1 });
        await expect(forward).rejects.toMatchObject({ reason: 'row_invalid' });
        await work(1, 0, [0]);
        await expectStepIs([0], [[0]]);
      });

      /** What a fresh trainer gets from a step of these micro-batches, worked out once for each. */
      const known = new Map<string, { gradNorm: number; scores: Awaited<ReturnType<typeof policy>> }>();
      const cleanStep = async (ids: readonly number[], batches: readonly (readonly number[])[]) => {
        const key = JSON.stringify([ids, batches]);
        const before = known.get(key);
        if (before !== undefined) return before;
        await restart();
        for (const [i, rows] of batches.entries()) await work(1, ids[i] ?? NaN, rows);
        const { gradNorm } = await commit(1, ids);
        const clean = { gradNorm, scores: await policy() };
        known.set(key, clean);
        return clean;
      };

      /** The open step, committed now, is exactly these micro-batches. */
      async function expectStepIs(ids: readonly number[], batches: readonly (readonly number[])[]): Promise<void> {
        const { gradNorm } = await commit(1, ids);
        const scores = await policy();
        expect({ gradNorm, scores }).toEqual(await cleanStep(ids, batches));
      }
    });

    it('forgets an aborted step', async () => {
      await work(1, 0, [0, 1], 1000);
      await trainer.forward({ step: 1, microBatch: 1, rows: [2], seed: 1 });
      await trainer.abort(1);
      await trainer.abort(1);
      await work(1, 0, [3]);
      const { gradNorm } = await commit(1, [0]);
      await restart();
      await work(1, 0, [3]);
      expect((await commit(1, [0])).gradNorm).toBe(gradNorm);
    });

    it('skips a step whose gradient is not finite, and goes on', async () => {
      const before = await policy();
      await trainer.forward({ step: 1, microBatch: 0, rows: [0], seed: 1 });
      await trainer.backward(1, 0, columns([NaN], [0]));
      expect(await commit(1, [0])).toMatchObject({ skipped: true });
      expect(await policy()).toEqual(before);
      await work(2, 0, [0]);
      expect(await commit(2, [0])).toMatchObject({ skipped: false });
    });

    it('works on frames that were sent without waiting', async () => {
      const first = trainer.forward({ step: 1, microBatch: 0, rows: [0], seed: 1 });
      const backward = trainer.backward(1, 0, columns([CHOSEN], [REJECTED]));
      const done = commit(1, [0]);
      expect((await first).logps.chosen).toHaveLength(1);
      await backward;
      expect((await done).skipped).toBe(false);
    });

    describe('a checkpoint', () => {
      const stepOf = async (step: number): Promise<number> => {
        await work(step, 0, [0, 1, 2, 3]);
        return (await commit(step, [0], { maxGradNorm: 1, weightDecay: 0.01 })).gradNorm;
      };
      const save = async (step: number): Promise<CheckpointPiece[]> => {
        const pieces: CheckpointPiece[] = [];
        for await (const piece of (await trainer.saveCheckpoint(step)).pieces) pieces.push(piece);
        return pieces;
      };
      const load = (pieces: readonly CheckpointPiece[]): Promise<number> =>
        trainer.loadCheckpoint(
          (async function* () {
            yield* pieces;
          })(),
        );

      it('lets another trainer go on with the same numbers', async () => {
        await stepOf(1);
        const kept = await save(1);
        const norms = [await stepOf(2), await stepOf(3)];
        const trained = await policy();
        await restart();
        expect(await load(kept)).toBe(1);
        expect([await stepOf(2), await stepOf(3)]).toEqual(norms);
        expect(await policy()).toEqual(trained);
      });

      it('is of the committed step and of no other', async () => {
        await stepOf(1);
        await expect(trainer.saveCheckpoint(2)).rejects.toMatchObject(conflict);
      });

      it('that is damaged is refused and changes nothing', async () => {
        await stepOf(1);
        const [kept, trained] = [await save(1), await policy()];
        const cut = kept.map(({ file, data }) => ({ file, data: data.subarray(0, data.length / 2) }));
        await stepOf(2);
        const after = await policy();
        await expect(load(cut)).rejects.toMatchObject({ reason: 'checkpoint_invalid' });
        expect(await policy()).toEqual(after);
        await load(kept);
        expect(await policy()).toEqual(trained);
      });
    });

    it('is opened again with what was committed, and without what was open', async () => {
      expect(await trainer.reopen()).toEqual({ committedStep: 0, lastCommit: undefined });
      await work(1, 0, [0, 1]);
      const done = await commit(1, [0]);
      await work(2, 0, [0, 1]);
      expect(await trainer.reopen()).toEqual({ committedStep: 1, lastCommit: done });
      await expect(commit(2, [0])).rejects.toMatchObject(conflict);
      await work(2, 0, [0, 1]);
      await commit(2, [0]);
    });

    it('exports an adapter that gives the trained numbers back', async () => {
      await work(1, 0, [0, 1, 2, 3]);
      await commit(1, [0]);
      const trained = await policy();
      const path = join(mkdtempSync(join(folder, 'export-')), 'adapter');
      const files = await backend.exportModel(modelHandle, path, { merge: false, modelCard: '# A card\n' });
      expect(files).toContain('README.md');
      const reloaded = await backend.loadModel({ ...target.model, adapter: path });
      const set = await backend.registerRows(reloaded.handle, PAIRS, RULE);
      const scores = await scoresOf(backend, set.handle);
      for (const [row, logps] of scores) expectClose(logps, trained.get(row) ?? [], 10 * target.tolerance);
      expect(reloaded.identity.weights).not.toBe((await backend.identifyModel(target.model)).weights);
      await backend.unloadModel(reloaded.handle);
    });

    it('has one trainer per model at a time', async () => {
      const second = backend.createTrainer(modelHandle, rowSet, trainerSpec());
      await expect(second).rejects.toMatchObject({ reason: 'unsupported' });
      await trainer.close();
      trainer = await backend.createTrainer(modelHandle, rowSet, trainerSpec());
      await work(1, 0, [0]);
      await commit(1, [0]);
    });

    it('names target modules that match nothing', async () => {
      await trainer.close();
      const spec = trainerSpec({ lora: { r: 4, alpha: 8, dropout: 0, targetModules: ['no_such_proj'] } });
      const attempt = backend.createTrainer(modelHandle, rowSet, spec);
      await expect(attempt).rejects.toMatchObject({ reason: 'target_modules_unmatched' });
      await expect(attempt).rejects.toThrow('no_such_proj');
    });

    it('fine-tunes all weights when there is no adapter', async () => {
      const own = await backend.loadModel(target.model);
      const rows = (await backend.registerRows(own.handle, PAIRS, RULE)).handle;
      const all = await backend.createTrainer(own.handle, rows, trainerSpec({ lora: undefined }));
      expect(all.trainableParameters).toBeGreaterThanOrEqual(trainer.trainableParameters);
      const start = await scoresOf(backend, rows);
      expect(await scoresOf(backend, rows, { adapterOff: true })).toEqual(start);
      const { logps } = await all.forward({ step: 1, microBatch: 0, rows: [0, 1, 2, 3], seed: 1 });
      await all.backward(1, 0, {
        chosen: logps.chosen.map(() => CHOSEN),
        rejected: logps.rejected.map(() => REJECTED),
      });
      await all.commit({ step: 1, microBatches: [0], ...STEP, learningRate: 1e-3 });
      expect(objectiveOf(await scoresOf(backend, rows))).toBeLessThan(objectiveOf(start));
      await expect(scoresOf(backend, rows, { adapterOff: true })).rejects.toMatchObject({ reason: 'unsupported' });
      await all.close();
      await backend.unloadModel(own.handle);
    });
  });
}

function objectiveOf(scores: ReadonlyMap<number, readonly [number, number]>): number {
  let sum = 0;
  for (const [chosen, rejected] of scores.values()) sum += CHOSEN * chosen + REJECTED * rejected;
  return sum;
}
