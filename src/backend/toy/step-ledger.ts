/**
 * The bookkeeping of a step transaction: which micro-batches wait for gradients (forward done) and which are added up
 * (backward done). Every method either fits the open step and records it, or throws `step_conflict` and changes nothing.
 */
import { BackendFault } from '../fault.js';

/** The micro-batches of one trainer's open step. */
export interface StepLedger {
  /** The last committed step; 0 at the start. */
  readonly committedStep: number;
  /** A forward: opens the step after the committed one if none is open. */
  hold(step: number, microBatch: number): void;
  /** A backward of a micro-batch that waits for its gradients. */
  add(step: number, microBatch: number): void;
  /** Throws unless exactly these micro-batches were added and none waits for gradients. */
  checkCommit(step: number, microBatches: readonly number[]): void;
  /** Closes the step that {@link checkCommit} accepted. */
  commit(step: number): void;
  /** Goes on after `step`; what is open is dropped. */
  restart(step: number): void;
  /** Drops the open step; a step that is not open is nothing to drop. */
  abort(step: number): void;
}

/** A ledger with no step committed and none open. */
export function createStepLedger(): StepLedger {
  let committedStep = 0;
  let held = new Set<number>();
  let added = new Set<number>();
  const requireStep = (step: number, frame: string): void => {
    if (step !== committedStep + 1) {
      throw conflict(`${frame} names step ${step}, expected step ${committedStep + 1}`);
    }
  };
  const clear = (): void => {
    held = new Set();
    added = new Set();
  };
  return {
    get committedStep() {
      return committedStep;
    },
    hold(step, microBatch) {
      requireStep(step, 'forward');
      if (held.has(microBatch) || added.has(microBatch)) {
        throw conflict(`forward repeats micro-batch ${microBatch} of step ${step}`);
      }
      held.add(microBatch);
    },
    add(step, microBatch) {
      requireStep(step, 'backward');
      if (!held.has(microBatch)) {
        throw conflict(
          added.has(microBatch)
            ? `backward repeats micro-batch ${microBatch} of step ${step}`
            : `backward of micro-batch ${microBatch} of step ${step}, which has no forward`,
        );
      }
      held.delete(microBatch);
      added.add(microBatch);
    },
    checkCommit(step, microBatches) {
      requireStep(step, 'commit');
      if (held.size > 0) throw conflict(`commit of step ${step} while micro-batches ${list(held)} wait for gradients`);
      const named = new Set(microBatches);
      if (named.size !== microBatches.length || named.size !== added.size || [...named].some((id) => !added.has(id))) {
        throw conflict(`commit of step ${step} names micro-batches ${list(microBatches)}, but it holds ${list(added)}`);
      }
      if (added.size === 0) throw conflict(`commit of step ${step}, which has no micro-batches`);
    },
    commit(step) {
      committedStep = step;
      clear();
    },
    restart(step) {
      committedStep = step;
      clear();
    },
    abort(step) {
      if (step === committedStep + 1) clear();
    },
  };
}

const list = (ids: Iterable<number>): string => `[${[...ids].sort((a, b) => a - b).join(', ')}]`;
const conflict = (message: string): BackendFault =>
  new BackendFault('step_conflict', `${message}; nothing was applied`);
