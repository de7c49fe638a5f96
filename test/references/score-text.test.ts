/** Scores of a pair are kept under its id, unless its numbers once meant something else under it. */
import { expect, it } from 'vitest';
import { makePair } from '../../src/data/make-pair.js';
import type { PreferencePair } from '../../src/data/pair.js';
import { scoreText } from '../../src/references/cache/index.js';

const answer = (...texts: string[]): PreferencePair['chosen'] =>
  texts.map((content, i) => ({ role: i % 2 === 1 ? 'user' : 'assistant', content }));
const pairOf = (chosen: PreferencePair['chosen'], rejected = answer('no')): PreferencePair =>
  makePair({ plain: false, prompt: [{ role: 'user', content: 'Weather?' }], chosen, rejected }, 1);

it('ordinary pairs keep the scores they have, whichever turns are scored', () => {
  const ordinary = pairOf(answer('It is <b>18</b> degrees, I think.'));
  for (const scoreTurns of [undefined, 'assistant', 'all'] as const) {
    expect(scoreText(ordinary, { scoreTurns })).toBe(ordinary.id);
  }
});

it('of a response of several turns, scores of all turns are never taken for those of the assistant', () => {
  for (const several of [
    pairOf(answer('Which?', 'The French one', '18')),
    pairOf(answer('18'), answer('a', 'b', 'c')),
  ]) {
    expect(scoreText(several, { scoreTurns: 'all' })).toBe(several.id); // what was kept before there was a choice
    expect(scoreText(several, {})).toMatch(/^[0-9a-f]{64}$/);
    expect(scoreText(several, {})).not.toBe(several.id);
    expect(scoreText(several, {})).toBe(scoreText(several, { scoreTurns: 'assistant' }));
  }
});

it.each(['<think>\nadd them\n</think>\n\nFour.', 'Four.</think>', '[THINK]add[/THINK]Four', '◁think▷add◁/think▷Four'])(
  'scores of replies that a template may have cut are not served: %s',
  (content) => {
    const reasoning = pairOf(answer(content));
    const texts = (['assistant', 'all'] as const).map((scoreTurns) => scoreText(reasoning, { scoreTurns }));
    expect(texts).not.toContain(reasoning.id);
    expect(scoreText({ ...reasoning, plain: true }, {})).toBe(reasoning.id);
  },
);
