/** Proposition 2 as printed is false; its counter-example, and how often it fails. */
import { seededRandom } from '../../core/random.js';
import { poolColumns, sampleNormal, sigmoid } from '../../math/index.js';
import type { ErrorPage } from './page.js';

/** Log-probs of the chosen and the rejected response. */
type Pair = readonly [number, number];

interface Rates {
  readonly gaps: readonly number[];
  readonly mrpo: number;
  readonly multiDpo: number;
}

/** What the two losses multiply the gradient with, at beta 1. */
export function rates(policy: Pair, references: readonly Pair[], weights: readonly number[]): Rates {
  const gap = ([chosen, rejected]: Pair): number => policy[1] - rejected - (policy[0] - chosen);
  const pooled = ([0, 1] as const).map(
    (side) =>
      poolColumns(
        references.map((pair) => Float64Array.of(pair[side])),
        weights.map((weight) => Float64Array.of(weight)),
        -1,
      )[0]!,
  );
  const gaps = references.map(gap);
  return {
    gaps,
    mrpo: sigmoid(gap([pooled[0]!, pooled[1]!])),
    multiDpo: gaps.reduce((sum, each, k) => sum + weights[k]! * sigmoid(each), 0),
  };
}

const log = Math.log;
const POLICY: Pair = [log(0.01), log(0.01)];
const COUNTER_EXAMPLE: readonly Pair[] = [
  [log(1e-10), log(1e-10)],
  [log(1e-2), log(1e-4)],
];

/** Random pairs whose gaps have one sign, as the proposition asks; the share in which it holds. */
function holdsIn(spread: number, draws = 5000): number {
  const random = seededRandom(2);
  const draw = (): Pair => [-40 + spread * sampleNormal(random), -40 + spread * sampleNormal(random)];
  let [tried, held] = [0, 0];
  while (tried < draws) {
    const { gaps, mrpo, multiDpo } = rates(draw(), [draw(), draw()], [0.5, 0.5]);
    const [up, down] = [gaps.every((gap) => gap >= 0), gaps.every((gap) => gap <= 0)];
    if (!up && !down) continue;
    tried += 1;
    held += Number(up ? mrpo >= multiDpo : mrpo <= multiDpo);
  }
  return held / tried;
}

/** Needs no runs: a counter-example, and random pairs. */
export function proposition2(): ErrorPage {
  const example = rates(POLICY, COUNTER_EXAMPLE, [0.5, 0.5]);
  const spreads = [1, 5, 30];
  return {
    name: 'proposition-2',
    title: 'Proposition 2 does not hold as printed',
    number: `σ(D) = ${example.mrpo.toFixed(3)} where at least ${example.multiDpo.toFixed(3)} is claimed`,
    claim:
      'Where all d_k have one sign, MRPO is claimed to correct a wrong reward faster than Multi-DPO, and to hurry a right one less. But e^(D/β) is the mean of the e^(d_k/β) with weights proportional to α_k π(w)/π_k(w), and not to α_k: a reference that finds the chosen response unlikely takes nearly all the weight.',
    meaning:
      'The argument for harmonic pooling over a sum of losses is not there. What always holds: D lies between the smallest and the largest d_k. Geometric pooling has D = Σ α_k d_k and satisfies the proposition always.',
    method:
      'Counter-example: β = 1, α = (½, ½), π(w) = π(l) = 0.01; π₁(w) = π₁(l) = 1e-10; π₂(w) = 1e-2, π₂(l) = 1e-4. Then d = (0, 4.6). And 5,000 random pairs (seed 2) with d_k of one sign for each spread of the log-probs.',
    table: {
      head: ['spread of log-probs, nats', 'share in which the claim holds'],
      rows: spreads.map((spread) => [String(spread), `${(100 * holdsIn(spread)).toFixed(1)} %`]),
    },
  };
}
