/** The released code feeds the second reference with token ids of the policy's vocabulary. */
import type { MatrixResults } from '../results.js';
import { epsilonOf, meanOver, runsOf, scoredSets, share, type ScoredSet } from './evidence.js';
import { nats, percent, type ErrorPage } from './page.js';

/** Measured on the pairs and runs of the baselines. */
export function foreignIds(results: MatrixResults): ErrorPage {
  const own = new Map(scoredSets(results, 'MRPO').map((set) => [set.name, set]));
  const sets = scoredSets(results, 'scrambled reference').map((scrambled) => ({
    name: scrambled.name,
    own: own.get(scrambled.name),
    scrambled,
  }));
  const pairs = sets.reduce((sum, { scrambled }) => sum + scrambled.tokens.chosen.length, 0);
  const floor =
    sets.reduce((sum, { scrambled }) => sum + onTheFloor(scrambled) * scrambled.tokens.chosen.length, 0) / pairs;
  return {
    name: 'foreign-ids',
    title: "The second reference reads the policy's token ids",
    number: `${percent(floor)} of ${pairs} pairs: with the policy's token ids the second reference lies on the lower edge of the trust region for both responses, and says nothing of the text`,
    claim:
      "The released code tokenises once, with the policy's tokenizer, and gives the same ids to every reference. Another family's vocabulary has other words at these ids: the reference scores a scrambled text. (The other direction, Mistral as policy, cannot run: an id is out of Llama's range.)",
    meaning:
      'Where the clip is saturated on both sides, the virtual reference is RefM1 stretched by a factor; no knowledge of a second model enters, whatever the second model is.',
    method:
      "token_ids: policy on the second reference, everything else the same. Here each reference reads the same text with its own tokenizer and template by default; the difference between the two columns is the error's size.",
    table: {
      head: [
        'set',
        'own ids, nats a token',
        "policy's ids",
        'on the lower edge, own ids',
        "policy's ids",
        'step 0, own ids',
        "policy's ids",
        'trained, own ids',
        "policy's ids",
      ],
      rows: sets.map(({ name, own: right, scrambled }) => [
        name,
        nats(right === undefined ? NaN : perToken(right)),
        nats(perToken(scrambled)),
        percent(right === undefined ? NaN : onTheFloor(right)),
        percent(onTheFloor(scrambled)),
        ...(['before', 'after'] as const).flatMap((when) =>
          ['MRPO', 'scrambled reference'].map((method) =>
            percent(meanOver(runsOf(results, method, name), 'rewards/accuracies', when)),
          ),
        ),
      ]),
    },
  };
}

/** Mean log-prob of the second reference by the policy's tokens, chosen responses. */
function perToken({ references, tokens }: ScoredSet): number {
  const total = (column: Float64Array): number => column.reduce((sum, value) => sum + value, 0);
  return total(references[1]!.chosen) / total(tokens.chosen);
}

/** Share of pairs where the second reference is clipped to (1 + epsilon) l_1 on both sides. */
function onTheFloor(set: ScoredSet): number {
  const epsilon = epsilonOf(set, { adaptive: 0.1 });
  const [first, second] = set.references;
  const below = (side: 'chosen' | 'rejected', i: number): boolean =>
    second![side][i]! <= (1 + epsilon[side][i]!) * first![side][i]!;
  return share(first!.chosen, (_, i) => below('chosen', i) && below('rejected', i));
}
