/** MRPO's own reward is right about many pairs before any training, because it prefers the less likely response. */
import type { MatrixResults } from '../results.js';
import { scoredSets, share, stepZeroMargins, type ScoredSet } from './evidence.js';
import { percent, type ErrorPage } from './page.js';

/** Measured on the pairs of the baselines. */
export function stepZero(results: MatrixResults): ErrorPage {
  const sets = scoredSets(results, 'scrambled reference').length > 0 ? ['MRPO', 'scrambled reference'] : ['MRPO'];
  const rows = sets.flatMap((method) => scoredSets(results, method).map((set) => ({ method, set, ...facts(set) })));
  const highest = rows.reduce(
    (most, row) => (Math.abs(row.stepZero - 0.5) > Math.abs(most.stepZero - 0.5) ? row : most),
    rows[0]!,
  );
  return {
    name: 'step-zero',
    title: 'The own reward judges before anything is learnt',
    number: `${percent(highest.stepZero)}: accuracy of an untrained policy by MRPO's own reward (${highest.method}, ${highest.set.name}); a bet on the response of larger |log-prob|, mostly the longer one, agrees with it in ${percent(highest.agree)} of the pairs`,
    claim:
      "The paper judges each method by its own reward. DPO's is 0 for every pair at step 0. MRPO's is not: where the second reference is less likely than the first, the virtual reference is RefM1 stretched by 1 + ε(y), and the margin gains an offset that favours the response with the larger |log-prob|, whatever the policy says.",
    meaning:
      'An accuracy by the own reward means little without its value at step 0. A gain of MRPO over DPO by that measure is partly a property of the measure.',
    method:
      'The untrained policy is RefM1: its margin is β (Δ₁ − Δ̃) with the virtual reference of the held-out pairs. Beside it two bets that know no model: the longer response in tokens, and the larger |log-prob| under RefM1.',
    table: {
      head: [
        'method',
        'set',
        'step 0, own reward',
        'larger |log-prob| is chosen',
        'agrees with step 0',
        'longer is chosen',
      ],
      rows: rows.map((row) => [
        row.method,
        row.set.name,
        percent(row.stepZero),
        percent(row.larger),
        percent(row.agree),
        percent(row.longer),
      ]),
    },
  };
}

function facts(set: ScoredSet): Record<'stepZero' | 'larger' | 'agree' | 'longer', number> {
  const margins = stepZeroMargins(set, { adaptive: 0.1 });
  const [first] = set.references;
  const larger = (i: number): boolean => Math.abs(first!.chosen[i]!) > Math.abs(first!.rejected[i]!);
  return {
    stepZero: share(margins, (margin) => margin > 0),
    larger: share(margins, (_, i) => larger(i)),
    agree: share(margins, (margin, i) => margin > 0 === larger(i)),
    longer: share(margins, (_, i) => set.tokens.chosen[i]! > set.tokens.rejected[i]!),
  };
}
