/**
 * A reference that is the policy as it starts has the policy's own log-probs, by definition. The cache has them too, but
 * perhaps from another number of threads or another processor, which round otherwise, and then margins would not start
 * at 0. So where the two differ by no more than rounding, the policy's own are taken: of held-out pairs those of the
 * evaluation before training, of the pairs of the first step those of its forward. Where they differ by more, the
 * references are scored again with the adapter off, and a policy that is not its own start shows.
 */
import { SIDES, eachSide, type Side, type Sides } from '../core/sides.js';
import type { ModelColumns, PairBatch } from '../objectives/objective.js';
import { policyLogps, type LogpsOptions } from './evaluate.js';
import { everyPair, pairNoise, type Examples } from './examples.js';

/** The pairs with the policy's own start in force as its reference. */
export interface PolicyStart {
  readonly train: Examples;
  readonly heldOut: Examples;
  /** The policy's own, of the held-out pairs; absent where no reference is the policy. */
  readonly own: Sides<Float64Array> | undefined;
  /** Nats by which the cache was off, where that was more than rounding; else 0. */
  readonly off: number;
}

/** Training pairs that are looked at where none are held out. */
const PROBES = 8;

/**
 * To be called before the first update.
 * @param policyReferences Which references are the policy as it starts.
 */
export async function policyStart(
  { train, heldOut }: { readonly train: Examples; readonly heldOut: Examples },
  policyReferences: readonly number[],
  options: Omit<LogpsOptions, 'examples' | 'only' | 'adapterOff'>,
): Promise<PolicyStart> {
  if (policyReferences.length === 0) return { train, heldOut, own: undefined, off: 0 };
  const own = await policyLogps({ ...options, examples: heldOut });
  const probes = heldOut.size > 0 ? [] : everyPair(train).slice(0, PROBES);
  const probed = await policyLogps({ ...options, examples: train, only: probes });
  const off = Math.max(
    farthest(heldOut, policyReferences, everyPair(heldOut), own),
    farthest(train, policyReferences, probes, probed),
  );
  if (off === 0) return { train, heldOut: withLogps(heldOut, policyReferences, own), own, off };
  const startOf = async (examples: Examples): Promise<Examples> =>
    withLogps(examples, policyReferences, await policyLogps({ ...options, examples, adapterOff: true }));
  return { train: await startOf(train), heldOut: await startOf(heldOut), own, off };
}

/** A batch of the first step, where the policy is its own start still. */
export function atStart(batch: PairBatch, policyReferences: readonly number[]): PairBatch {
  const near = (own: Float64Array, theirs: Float64Array): Float64Array =>
    theirs.map((logp, i) => (Math.abs((own[i] ?? NaN) - logp) <= (batch.noise?.[i] ?? 0) ? (own[i] ?? NaN) : logp));
  const references = batch.references.map((model, k) =>
    policyReferences.includes(k)
      ? withColumns(model, (side) => near(batch.policy[side].logps, model[side].logps))
      : model,
  );
  return { ...batch, references };
}

function withLogps(examples: Examples, policyReferences: readonly number[], logps: Sides<Float64Array>): Examples {
  const references = examples.references.map((model, k) =>
    policyReferences.includes(k) ? withColumns(model, (side) => logps[side]) : model,
  );
  return { ...examples, references };
}

const withColumns = (model: ModelColumns, logpsOf: (side: Side) => Float64Array): ModelColumns =>
  eachSide((side) => ({ ...model[side], logps: logpsOf(side) }));

/** The largest distance of the references from the policy's own log-probs that rounding does not explain; else 0. */
function farthest(
  examples: Examples,
  policyReferences: readonly number[],
  pairs: readonly number[],
  own: Sides<Float64Array>,
): number {
  let far = 0;
  for (const k of policyReferences) {
    for (const side of SIDES) {
      pairs.forEach((pair, place) => {
        const distance = Math.abs((own[side][place] ?? NaN) - (examples.references[k]?.[side].logps[pair] ?? NaN));
        if (distance > pairNoise(examples, pair)) far = Math.max(far, distance);
      });
    }
  }
  return far;
}
