/** Training of a toy: forwards that wait for gradients, closed-form backward, one AdamW update per commit. */
import { seededRandom } from '../../core/random.js';
import { eachSide, type Sides } from '../../core/sides.js';
import type { CommitRequest, CommitResult, ForwardRequest, ForwardResult, CompleteTrainerSpec } from '../backend.js';
import { BackendFault } from '../fault.js';
import { createAdamW, type AdamWState } from './adamw.js';
import { createStepLedger } from './step-ledger.js';
import { MODULES, PARAMETERS, addGradient, sequenceLogp } from './toy-model.js';
import type { ToyRow } from './toy-text.js';

/** What training changes. With an adapter the base stays as it is and `trained` starts at 0; else `trained` = weights. */
export interface ToyAdapter {
  readonly base: Float64Array;
  readonly trained: Float64Array;
  /** alpha / r of the adapter; `undefined` = full fine-tuning. */
  readonly scale: number | undefined;
  readonly modules: readonly string[];
  updates: number;
}

/** A trainer without streams: the promises of {@link Trainer}, kept in memory and at once. */
export interface ToyTrainer {
  readonly committedStep: number;
  forward(request: ForwardRequest): ForwardResult;
  backward(step: number, microBatch: number, gradients: Sides<Float64Array>): void;
  commit(request: CommitRequest): CommitResult;
  abort(step: number): void;
  /** What decides the rest, as a checkpoint's file holds it. */
  state(step: number): ToyTrainerState;
  /** @throws BackendFault `checkpoint_invalid` for a state of another policy. */
  restore(state: ToyTrainerState): void;
}

/** Everything that later steps depend on. */
export interface ToyTrainerState {
  readonly step: number;
  readonly trained: readonly number[];
  readonly modules: readonly string[];
  readonly optimizer: AdamWState;
}

/** An adapter at its start: it changes nothing yet. */
export function createAdapter(base: Float64Array, spec: CompleteTrainerSpec): ToyAdapter {
  if (spec.lora === undefined) {
    return { base, trained: base.slice(), scale: undefined, modules: Object.keys(MODULES), updates: 0 };
  }
  const asked = spec.lora.targetModules;
  const modules = Object.keys(MODULES).filter((name) => asked.length === 0 || asked.includes(name));
  const unmatched = asked.filter((name) => MODULES[name] === undefined);
  if (unmatched.length > 0) {
    throw new BackendFault(
      'target_modules_unmatched',
      `target_modules: got "${unmatched.join('", "')}", expected names among ${Object.keys(MODULES).join(', ')}`,
    );
  }
  return { base, trained: new Float64Array(PARAMETERS), scale: spec.lora.alpha / spec.lora.r, modules, updates: 0 };
}

/** The weights that the current policy computes with. `keep` = dropout factors of the adapter, 1 where absent. */
export function effectiveWeights(adapter: ToyAdapter, keep?: Float64Array): Float64Array {
  const { base, trained, scale } = adapter;
  if (scale === undefined) return trained;
  return base.map((weight, i) => weight + scale * (trained[i] ?? 0) * (keep?.[i] ?? 1));
}

/** A trainer of `adapter` on rows. `rowsFor` refuses rows that do not exist or cannot be scored. */
export function createToyTrainer(
  adapter: ToyAdapter,
  spec: CompleteTrainerSpec,
  rowsFor: (rows: readonly number[]) => readonly ToyRow[],
): ToyTrainer {
  const trains = (index: number): boolean =>
    adapter.modules.some((name) => index >= (MODULES[name]?.[0] ?? 0) && index < (MODULES[name]?.[1] ?? 0));
  const optimizer = createAdamW(
    adapter.trained,
    { beta1: spec.adamBeta1, beta2: spec.adamBeta2, epsilon: spec.adamEpsilon },
    trains,
  );
  const ledger = createStepLedger();
  const held = new Map<number, { rows: readonly ToyRow[]; keep: Float64Array | undefined }>();
  let sum = new Float64Array(PARAMETERS);
  const reset = (): void => {
    held.clear();
    sum = new Float64Array(PARAMETERS);
  };
  const dropoutFactors = (seed: number): Float64Array | undefined => {
    const dropout = spec.lora?.dropout ?? 0;
    if (dropout === 0) return undefined;
    const random = seededRandom(seed);
    return Float64Array.from({ length: PARAMETERS }, () => (random.next() < dropout ? 0 : 1 / (1 - dropout)));
  };
  return {
    get committedStep() {
      return ledger.committedStep;
    },
    forward(request) {
      const rows = rowsFor(request.rows);
      ledger.hold(request.step, request.microBatch);
      const keep = dropoutFactors(request.seed);
      held.set(request.microBatch, { rows, keep });
      const weights = effectiveWeights(adapter, keep);
      return {
        logps: eachSide((side) => Float64Array.from(rows, (row) => sequenceLogp(weights, row[side]))),
        seconds: 0,
      };
    },
    backward(step, microBatch, gradients) {
      const batch = held.get(microBatch);
      const { chosen, rejected } = gradients;
      if (batch !== undefined && !(chosen.length === batch.rows.length && rejected.length === batch.rows.length)) {
        throw new BackendFault(
          'step_conflict',
          `backward of micro-batch ${microBatch}: got ${chosen.length} chosen and ${rejected.length} rejected ` +
            `gradients, expected ${batch.rows.length} of each; nothing was applied`,
        );
      }
      ledger.add(step, microBatch);
      if (batch === undefined) return; // the ledger has thrown
      held.delete(microBatch);
      const weights = effectiveWeights(adapter, batch.keep);
      const slope = new Float64Array(PARAMETERS);
      batch.rows.forEach((row, i) => {
        addGradient(weights, row.chosen, chosen[i] ?? 0, slope);
        addGradient(weights, row.rejected, rejected[i] ?? 0, slope);
      });
      const scale = adapter.scale ?? 1;
      for (let i = 0; i < PARAMETERS; i++) {
        if (trains(i)) sum[i] = (sum[i] ?? 0) + scale * (batch.keep?.[i] ?? 1) * (slope[i] ?? 0);
      }
    },
    commit(request) {
      ledger.checkCommit(request.step, request.microBatches);
      const gradNorm = Math.sqrt(sum.reduce((total, slope) => total + slope * slope, 0));
      const skipped = !Number.isFinite(gradNorm);
      if (!skipped) {
        const shrink = request.maxGradNorm > 0 ? Math.min(1, request.maxGradNorm / (gradNorm + 1e-6)) : 1;
        optimizer.update(
          sum.map((slope) => slope * shrink),
          request.learningRate,
          request.weightDecay,
        );
        adapter.updates += 1;
      }
      ledger.commit(request.step);
      reset();
      return { gradNorm, seconds: 0, peakMemoryBytes: 0, skipped };
    },
    state(step) {
      if (step !== ledger.committedStep) {
        throw new BackendFault('step_conflict', `checkpoint of step ${step}, committed is ${ledger.committedStep}`);
      }
      return { step, trained: [...adapter.trained], modules: adapter.modules, optimizer: optimizer.state() };
    },
    restore(state) {
      if (state.modules.join() !== adapter.modules.join()) {
        throw new BackendFault('checkpoint_invalid', `checkpoint: got modules ${state.modules.join(', ')}`);
      }
      adapter.trained.set(state.trained);
      adapter.updates = state.step;
      optimizer.restore(state.optimizer);
      ledger.restart(state.step);
      reset();
    },
    abort(step) {
      if (step === ledger.committedStep + 1) reset();
      ledger.abort(step);
    },
  };
}
