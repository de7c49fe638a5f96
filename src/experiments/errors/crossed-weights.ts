/** The released code weighs each reference with the weight of the other one. */
import type { MatrixResults } from '../results.js';
import { average, meanOver, runsOf, scoredSets, share, virtualMargins } from './evidence.js';
import { nats, percent, type ErrorPage } from './page.js';

const RULE = { adaptive: 0.1 };

/** Measured on the pairs and runs of the baselines. */
export function crossedWeights(results: MatrixResults): ErrorPage {
  const sets = scoredSets(results, 'MRPO').map((set) => {
    const [paper, code] = [virtualMargins(set, 'paper', RULE), virtualMargins(set, 'released code', RULE)];
    return {
      name: set.name,
      pairs: paper.length,
      moved: average(paper.map((value, i) => Math.abs(value - code[i]!))),
      turned: share(paper, (value, i) => Math.sign(value) !== Math.sign(code[i]!)),
    };
  });
  const all = sets.reduce((sum, { pairs }) => sum + pairs, 0);
  const mean = (of: (set: (typeof sets)[number]) => number): number =>
    sets.reduce((sum, set) => sum + of(set) * set.pairs, 0) / all;
  return {
    name: 'crossed-weights',
    title: 'The weights are crossed in the released code',
    number: `${nats(mean(({ moved }) => moved))} nats: so far the released code moves the virtual reference's margin on average; in ${percent(mean(({ turned }) => turned))} of ${all} pairs it prefers the other response`,
    claim:
      'Proposition 1 divides each weight by its own reference: 1 / (α₁/π₁ + α₂/π₂). The released trainer computes 1 / (α₂/π₁ + α₁/π₂): the reference that ARWC found decisive gets the weight of the other one.',
    meaning:
      "The paper's tables presumably come from the crossed form. Settings that are tuned with it (a fixed alpha in Figure 4) mean the other reference than the text says.",
    method:
      'Both forms on the same log-probs of the same held-out pairs (src/math/official-code.ts beside src/math/pooling.ts), and trained runs of both with the same seeds.',
    table: {
      head: [
        'set',
        'pairs',
        'mean move, nats',
        'other side',
        'MRPO, own reward',
        'released code',
        'MRPO, per token',
        'released code',
      ],
      rows: sets.map(({ name, pairs, moved, turned }) => [
        name,
        String(pairs),
        nats(moved),
        percent(turned),
        ...['rewards/accuracies', 'accuracies/per_token'].flatMap((measure) =>
          ['MRPO', 'released code'].map((method) => percent(meanOver(runsOf(results, method, name), measure))),
        ),
      ]),
    },
  };
}
