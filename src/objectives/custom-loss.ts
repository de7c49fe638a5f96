/**
 * A user's own loss: a function of one pair's log-probs. It returns the loss with its gradient, or the loss alone.
 *
 * A loss alone is differentiated by central differences with one Richardson step. Forward-mode dual numbers were the
 * alternative: exact, but JavaScript has no operators to overload, so that `a * b` would have to be written `mul(a, b)`
 * in every custom loss. Only two variables per pair need a derivative, so eight evaluations of a ten-line function give
 * it to about 1e-9 relative; who wants the last digits returns the gradient.
 *
 * A gradient that is returned is compared with finite differences on the first batch, before it trains anything.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MrpoError } from '../core/errors.js';
import { eachSide } from '../core/sides.js';
import type { ObjectiveConfig } from '../config/schema.js';
import { centralDifference, differs } from '../math/finite-difference.js';
import { logRatioMargins } from '../math/margin.js';
import type { BatchView } from './batch-view.js';
import { rowName } from './check-batch.js';
import { wrongGradient } from './check-gradient.js';
import { logRatioRewards, type LossStage } from './loss-stage.js';
import type { VirtualReference } from './virtual-reference.js';

/** One model's log-probs of the pair, in the unit of `objective.normalization` (nats, per token or per byte). */
export interface CustomLogps {
  readonly chosen: number;
  readonly rejected: number;
}

/** What a custom loss is given: one pair, all log-probs in the unit of `objective.normalization`. */
export interface CustomPair {
  /** The policy's log-probs as they are now. */
  readonly policy: CustomLogps;
  /** In configuration order, after the trust region of `objective.clip`. */
  readonly references: readonly CustomLogps[];
  /** The references pooled into one, by `objective.weights` and `objective.pooling`. */
  readonly virtual: CustomLogps;
  /** Weight of each reference in this pair; they add up to 1. */
  readonly weights: readonly number[];
  /** Response tokens under the policy's tokenizer. */
  readonly tokens: CustomLogps;
  /** `objective.beta`, `gamma` and `alpha`. */
  readonly beta: number;
  readonly gamma: number;
  readonly alpha: number;
}

/** Loss and +dL/dlogp of the policy's two log-probs, in the unit they came in. */
export interface CustomLossValue {
  readonly loss: number;
  readonly gradChosen: number;
  readonly gradRejected: number;
}

/**
 * A custom loss, e.g. exponential loss on the virtual reference:
 * @example
 * const loss: CustomLoss = ({ policy, virtual, beta }) =>
 *   Math.exp(-beta * (policy.chosen - virtual.chosen - (policy.rejected - virtual.rejected)));
 * export default loss;
 */
export type CustomLoss = (pair: CustomPair) => number | CustomLossValue;

const ROWS_CHECKED = 8;

/** Loads the default export of a .ts or .js file, relative to `baseDir`. Throws `config` when it is not a function. */
export async function loadCustomLoss(module: string, baseDir: string): Promise<CustomLoss> {
  const path = resolve(baseDir, module);
  let exports: { readonly default?: unknown };
  try {
    exports = (await import(pathToFileURL(path).href)) as { readonly default?: unknown };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MrpoError('config', `objective.module: ${path} cannot be loaded: ${reason}`, {
      cause,
      hint: 'The path is relative to the configuration file.',
    });
  }
  if (typeof exports.default !== 'function') {
    throw new MrpoError(
      'config',
      `objective.module: expected a function as the default export of ${path}, got ${typeof exports.default}`,
    );
  }
  return exports.default as CustomLoss;
}

/** The loss stage that calls a user's function for every row. */
export function customStage(loss: CustomLoss, config: Pick<ObjectiveConfig, 'beta' | 'gamma' | 'alpha'>): LossStage {
  let checked = false;
  return (view, reference) => {
    const { size } = view.batch;
    const losses = new Float64Array(size);
    const gradients = eachSide(() => new Float64Array(size));
    for (let row = 0; row < size; row++) {
      const value = evaluateRow(
        loss,
        customPair(view, reference, row, config),
        view,
        row,
        checked || row >= ROWS_CHECKED,
      );
      losses[row] = value.loss;
      gradients.chosen[row] = value.gradChosen;
      gradients.rejected[row] = value.gradRejected;
    }
    checked = checked || size > 0;
    return {
      losses,
      gradients,
      margins: logRatioMargins(view.policy, reference, config.beta).margins,
      rewards: logRatioRewards(view.policy, reference, config.beta),
    };
  };
}

function evaluateRow(
  loss: CustomLoss,
  pair: CustomPair,
  view: BatchView,
  row: number,
  trusted: boolean,
): CustomLossValue {
  const returned = loss(pair);
  const withGradient = typeof returned === 'object' && returned !== null;
  const lossOf =
    (side: 'chosen' | 'rejected') =>
    (logp: number): number =>
      lossNumber(loss({ ...pair, policy: { ...pair.policy, [side]: logp } }));
  if (withGradient && trusted) return finite(returned, view, row);
  const numeric = {
    loss: lossNumber(returned),
    gradChosen: centralDifference(lossOf('chosen'), pair.policy.chosen),
    gradRejected: centralDifference(lossOf('rejected'), pair.policy.rejected),
  };
  if (!withGradient) return finite(numeric, view, row);
  for (const side of ['chosen', 'rejected'] as const) {
    const key = side === 'chosen' ? 'gradChosen' : 'gradRejected';
    if (differs(returned[key], numeric[key], numeric.loss)) {
      throw wrongGradient(rowName(view.batch, row), side, returned[key], numeric[key], 'custom loss');
    }
  }
  return finite(returned, view, row);
}

function lossNumber(returned: number | CustomLossValue): number {
  return typeof returned === 'object' && returned !== null ? returned.loss : returned; // a user's .js may return anything
}

function finite(value: CustomLossValue, view: BatchView, row: number): CustomLossValue {
  for (const key of ['loss', 'gradChosen', 'gradRejected'] as const) {
    if (!Number.isFinite(value[key])) {
      throw new MrpoError(
        'data',
        `row ${rowName(view.batch, row)}, custom loss: ${key} is ${String(value[key])}, expected a finite number`,
        {
          hint: 'Return a number, or { loss, gradChosen, gradRejected }.',
        },
      );
    }
  }
  return value;
}

function customPair(
  view: BatchView,
  reference: VirtualReference,
  row: number,
  config: Pick<ObjectiveConfig, 'beta' | 'gamma' | 'alpha'>,
): CustomPair {
  const { policy, batch } = view;
  return {
    policy: eachSide((side) => policy[side][row]!),
    references: reference.weights.map((_, k) => eachSide((side) => reference.clipped[side][k]![row]!)),
    virtual: eachSide((side) => reference[side][row]!),
    weights: reference.weights.map((column) => column[row]!),
    tokens: eachSide((side) => batch.policy[side].tokens[row]!),
    beta: config.beta,
    gamma: config.gamma,
    alpha: config.alpha,
  };
}
