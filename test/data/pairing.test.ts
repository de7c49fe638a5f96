import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { pairAnswers, type PairingRule, type ScoredAnswers } from '../../src/data/pairing.js';

const scored = (...scores: number[]): ScoredAnswers => ({
  plain: false,
  prompt: [{ role: 'user', content: 'q' }],
  answers: scores.map((score, index) => ({ score, messages: [{ role: 'assistant', content: `${index}:${score}` }] })),
});
const pairs = (rule: PairingRule, answers: ScoredAnswers, draw = () => 0): string[] =>
  pairAnswers(answers, rule, draw).map(({ chosen, rejected }) => `${chosen[0]?.content} > ${rejected[0]?.content}`);
const RULES: readonly PairingRule[] = ['best-vs-worst', 'best-vs-random', 'best-vs-rest', 'adjacent', 'all'];

describe('pairAnswers', () => {
  const answers = scored(2, 5, 1, 5, 3);

  it.each([
    ['best-vs-worst', ['1:5 > 2:1']],
    ['best-vs-rest', ['1:5 > 4:3', '1:5 > 0:2', '1:5 > 2:1']],
    ['adjacent', ['3:5 > 4:3', '4:3 > 0:2', '0:2 > 2:1']],
    [
      'all',
      [
        '1:5 > 4:3',
        '1:5 > 0:2',
        '1:5 > 2:1',
        '3:5 > 4:3',
        '3:5 > 0:2',
        '3:5 > 2:1',
        '4:3 > 0:2',
        '4:3 > 2:1',
        '0:2 > 2:1',
      ],
    ],
  ] as const)('%s', (rule, expected) => {
    expect(pairs(rule, answers)).toEqual(expected);
  });

  it('best-vs-random draws among the answers that score less', () => {
    expect(pairs('best-vs-random', answers, () => 0)).toEqual(['1:5 > 4:3']);
    expect(pairs('best-vs-random', answers, () => 0.999)).toEqual(['1:5 > 2:1']);
  });

  it('never prefers an answer to one that scores as much or more', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 7 }),
        fc.constantFrom(...RULES),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (scores, rule, draw) => {
          fc.pre(new Set(scores).size > 1);
          const drafts = pairAnswers(scored(...scores), rule, () => draw);
          expect(drafts.length).toBeGreaterThan(0);
          for (const { chosen, rejected } of drafts) {
            const [high, low] = [chosen, rejected].map((messages) => Number(messages[0]?.content.split(':')[1]));
            expect(high).toBeGreaterThan(low as number);
          }
        },
      ),
    );
  });
});
