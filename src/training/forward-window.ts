/**
 * Forward passes awaiting gradients. Two of them at once, where the graphs of both fit in memory, so that
 * the device has work while a gradient is on its way.
 */
import type { ForwardResult } from '../backend/backend.js';
import { largest } from '../core/extremes.js';

/** Forwards without their gradients, at most; more would wait longer and hide nothing more. */
const AHEAD = 2;

type MicroBatches = readonly (readonly number[])[];

/** The forward passes that are sent ahead: at most two, within a budget of tokens. */
export interface ForwardWindow {
  /** Sends the forwards of a step that can go now: from micro-batch `first` on, those that are not sent yet. */
  fill(step: number, microBatches: MicroBatches, first: number, tokenBudget: number): void;
  /** Whether all that is sent and not taken is the beginning of this step. */
  isFor(step: number, microBatches: MicroBatches): boolean;
  /** The result of the earliest forward that is not taken yet. */
  take(): Promise<ForwardResult>;
  /** The gradient of the forward taken last is queued: what is sent from now on finds its graph gone. */
  release(): void;
  /** Forgets everything that is sent; the step it was for, if any. */
  clear(): number | undefined;
}

interface SentForward {
  readonly step: number;
  readonly members: readonly number[];
  readonly tokens: number;
  readonly result: Promise<ForwardResult>;
}

/**
 * A window with nothing sent.
 * @param send Queues one forward on the device. @param tokensOf Tokens that a pair puts into a forward.
 */
export function createForwardWindow(
  send: (step: number, microBatch: number, members: readonly number[]) => Promise<ForwardResult>,
  tokensOf: (index: number) => number,
): ForwardWindow {
  let sent: SentForward[] = [];
  let taken = 0;
  let held = 0;
  return {
    fill(step, microBatches, first, tokenBudget) {
      while (sent.length < AHEAD) {
        const microBatch = first + sent.length;
        const members = microBatches[microBatch];
        if (members === undefined) return;
        const tokens = members.reduce((total, index) => total + tokensOf(index), 0);
        if (held > 0 && held + tokens > tokenBudget) return;
        held += tokens;
        sent.push({ step, members, tokens, result: send(step, microBatch, members) });
      }
    },
    isFor: (step, microBatches) =>
      sent.every((forward, i) => forward.step === step && sameNumbers(forward.members, microBatches[i] ?? [])),
    take() {
      const forward = sent.shift();
      if (forward === undefined) throw new RangeError('no forward has been sent');
      taken = forward.tokens;
      return forward.result;
    },
    release() {
      held -= taken;
      taken = 0;
    },
    clear() {
      const step = sent[0]?.step;
      sent = [];
      taken = held = 0;
      return step;
    },
  };
}

/** Tokens of the graphs that a step has on the device together, at most, when its forwards have so many tokens each. */
export function tokensTogether(forwards: readonly number[], tokenBudget: number): number {
  const together = forwards.map((tokens, i) => {
    const both = tokens + (forwards[i + 1] ?? 0);
    return both <= tokenBudget ? both : tokens;
  });
  return largest(together);
}

const sameNumbers = (left: readonly number[], right: readonly number[]): boolean =>
  left.length === right.length && left.every((value, i) => value === right[i]);
