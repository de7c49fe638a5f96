/**
 * From K references to one: trust region (Eq. 8-9), weights (Eq. 10 or a successor), pooling (Prop. 1 or another
 * mean), in the paper's order. Epsilon and weights look at the log-probs before clipping, pooling at those after.
 */
import type { ObjectiveConfig } from '../config/schema.js';
import { eachSide, type Sides } from '../core/sides.js';
import { adaptiveEpsilonColumns } from '../math/adaptive-epsilon.js';
import { constantColumn } from '../math/numeric.js';
import { officialCodeEpsilon, officialCodePool } from '../math/official-code.js';
import { poolColumns } from '../math/pooling.js';
import { clipColumns, notClipped } from '../math/trust-region.js';
import type { BatchView } from './batch-view.js';

/** Every number on the way to the virtual reference, in columns of length B. */
export interface VirtualReference extends Sides<Float64Array> {
  readonly epsilon: Sides<Float64Array>;
  readonly weights: readonly Float64Array[];
  /** The references' log-probs after clipping. */
  readonly clipped: LogpTable;
  /** 1 where clipping changed a log-prob, else 0. */
  readonly isClipped: LogpTable;
}

/** K columns per side. */
export type LogpTable = Sides<readonly Float64Array[]>;

/** Builds the virtual reference of a view from given weights. `power`: exponent of the pooling mean. */
export function virtualReference(
  view: BatchView,
  weights: readonly Float64Array[],
  settings: Pick<ObjectiveConfig, 'clip' | 'official_code'> & { readonly power: number },
): VirtualReference {
  const raw = logpTable(view.references);
  const epsilon = epsilonOf(raw, settings, view.batch.size);
  const clip = settings.clip.mode === 'off' ? notClipped : clipColumns;
  const { chosen, rejected } = eachSide((side) => clip(raw[side], epsilon[side]));
  const pool = (logps: readonly Float64Array[]): Float64Array =>
    settings.official_code ? officialCodePool(logps, weights) : poolColumns(logps, weights, settings.power);
  return {
    epsilon,
    weights,
    clipped: { chosen: chosen.logps, rejected: rejected.logps },
    isClipped: { chosen: chosen.isClipped, rejected: rejected.isClipped },
    chosen: pool(chosen.logps),
    rejected: pool(rejected.logps),
  };
}

/** DPO's reference: the first as it is; the others have no part. */
export function firstReference(view: BatchView): VirtualReference {
  const { size } = view.batch;
  const raw = logpTable(view.references);
  const first = view.references[0]!;
  return {
    epsilon: noEpsilon(size),
    weights: raw.chosen.map((_, k) => constantColumn(size, k === 0 ? 1 : 0)),
    clipped: raw,
    isClipped: eachSide((side) => notClipped(raw[side]).isClipped),
    chosen: first.chosen,
    rejected: first.rejected,
  };
}

/** The exponent p that a pooling of the configuration stands for. */
export function poolingPower(pooling: ObjectiveConfig['pooling']): number {
  if (typeof pooling === 'object') return pooling.power;
  return { harmonic: -1, geometric: 0, arithmetic: 1, min: -Infinity, max: Infinity }[pooling];
}

function epsilonOf(
  raw: LogpTable,
  settings: Pick<ObjectiveConfig, 'clip' | 'official_code'>,
  size: number,
): Sides<Float64Array> {
  const { clip } = settings;
  if (clip.mode === 'off') return noEpsilon(size);
  if (clip.mode === 'fixed') return eachSide(() => constantColumn(size, clip.epsilon));
  const adaptive = settings.official_code ? officialCodeEpsilon : adaptiveEpsilonColumns;
  return adaptive(raw.chosen, raw.rejected, clip.epsilon_max);
}

function noEpsilon(size: number): Sides<Float64Array> {
  return eachSide(() => constantColumn(size, NaN));
}

/** K models' columns, side by side. */
export function logpTable(references: readonly Sides<Float64Array>[]): LogpTable {
  return eachSide((side) => references.map((reference) => reference[side]));
}
