/** Which of two answers a verdict prefers, and how good one answer is: read rightly, or not at all. */
import { describe, expect, it } from 'vitest';

import { RowProblem } from '../../src/data/row-problem.js';
import { directionOf } from '../../src/data/verdict/direction.js';
import { goodnessOf, tryGoodness } from '../../src/data/verdict/goodness.js';
import { createVerdictReader, signReader, type Winner } from '../../src/data/verdict/sides.js';

const AB = { a: 'response_a', b: 'response_b', markers: ['a', 'b'] as const };
const zeroOne = { a: 'response_0', b: 'response_1', markers: ['0', '1'] as const };
const oneTwo = { a: 'answer1', b: 'answer2', markers: ['1', '2'] as const };
const models = { ...AB, names: [() => ['gpt-4', 'llama'] as const] };

describe('a verdict', () => {
  // prettier-ignore
  const readable: readonly (readonly [what: string, candidates: typeof AB | typeof zeroOne | typeof oneTwo | typeof models, values: readonly unknown[], sides: readonly Winner[]])[] = [
    ['names columns', AB, ['response_a', 'Response B'], ['a', 'b']],
    ['names what tells them apart', AB, ['A', 'model_b', '[[A]]', 'Answer b', 'b is better'], ['a', 'b', 'a', 'b', 'b']],
    ['names answers in other words', AB, ['Chatbot A', 'Solution B', 'LLM A', 'Story B'], ['a', 'b', 'a', 'b']],
    ['praises', AB, ['A is more accurate', 'B is safer', 'a has higher quality', 'B: clearer, more detailed', 'A is correct'], ['a', 'b', 'a', 'b', 'a']],
    ['says who prefers', AB, ['human prefers A', 'The annotator picked B', 'GPT-4 prefers response A', 'users voted for B'], ['a', 'b', 'a', 'b']],
    ['says who prefers, by number', oneTwo, ['annotator 1 prefers 2', 'Judge 2 chose answer 1'], ['b', 'a']],
    ['compares', AB, ['A>B', '[[B>>A]]', 'A<B', 'A=B', '[[A>B]]'], ['a', 'b', 'b', 'tie', 'a']],
    ['names models', models, ['gpt-4', 'llama'], ['a', 'b']],
    ['is a tie', AB, ['tie', 'Tie (bothbad)', 'both_bad', 'draw', 'no preference', 'Neither'], ['tie', 'tie', 'tie', 'tie', 'tie', 'tie']],
    ['is the number in the column', zeroOne, [0, 1, '1', 0n], ['a', 'b', 'b', 'a']],
    ['counts from 1, which a 2 proves', oneTwo, [1, 2, '2'], ['a', 'b', 'b']],
  ];
  it.each(readable)('%s', (_what, candidates, values, sides) => {
    const read = createVerdictReader('winner', candidates, values, undefined);
    if (typeof read === 'string') throw new Error(read);
    expect(values.map((value) => read(value, {}))).toEqual(sides);
  });

  // prettier-ignore
  it.each([
    ['0 and 1 of answers a and b: 1 is the second, or a yes to the first', AB, [0, 1]],
    ['0 and 1 of answers 1 and 2', oneTwo, [0, 1]],
    ['only 1 of answers 1 and 2', oneTwo, [1, 1, 1]],
    ['0, 1 and 2', oneTwo, [0, 1, 2]],
    ['1 and 2 of answers 0 and 1', zeroOne, [1, 2]],
    ['negative numbers', oneTwo, [-2, 1]],
    ['true of a column that names no answer', AB, [true, false]],
  ])('could mean either: %s', (_what, candidates, values) => {
    expect(createVerdictReader('label', candidates as never, values, undefined)).toMatch(/nothing says/);
  });

  // prettier-ignore
  it.each([
    [AB, ['C', 'a b', 'not A', 'A is worse', 'B loses', '', null, 'neither of the texts pleases me at all, A though']],
    [AB, ['human rejects A', 'human dislikes A', 'A is less accurate', 'A is incorrect', 'A has higher toxicity', 'all except A', 'A, but unsafe']],
    [oneTwo, ['gpt-2', 'gpt 2 preferred', 'llama-2', '2 votes', 'quality 2', 'human 2']],
  ])('names neither: %j %j', (candidates, values) => {
    const read = createVerdictReader('winner', candidates, [candidates.a, candidates.b], undefined);
    if (typeof read === 'string') throw new Error(read);
    for (const value of values) expect(() => read(value, {}), String(value)).toThrow(RowProblem);
  });

  it('that is true or false is about the answer that its column names', () => {
    const read = createVerdictReader('is_response_b_better', AB, [true], undefined);
    if (typeof read === 'string') throw new Error(read);
    expect([true, false, 'True', 'false'].map((value) => read(value, {}))).toEqual(['b', 'a', 'b', 'a']);
    for (const name of ['is_response_b_safe', 'response_b_is_worse', 'b_rejected'])
      expect(createVerdictReader(name, AB as never, [true], undefined)).toMatch(/nothing says/);
  });

  it('means what the user says, and nothing else', () => {
    const values = { '1': 'a', '0': 'b', '-': 'b', both: 'tie' } as const;
    const read = createVerdictReader('label', AB, [1, 0], values);
    if (typeof read === 'string') throw new Error(read);
    expect([1, '0', -3, 'both'].map((value) => read(value, {}))).toEqual(['a', 'b', 'b', 'tie']);
    expect(() => read(2, {})).toThrow('none of the values that were named');
  });

  it('may be a sign', () => {
    expect([-2, 0, '3'].map((value) => signReader('preference', 'a')(value, {}))).toEqual(['a', 'tie', 'b']);
  });
});

describe('how good an answer is', () => {
  it.each([
    [4, 4], [4n, 4], ['4.5', 4.5], [' -1 ', -1], ['2e1', 20], [true, 1], [false, 0],
    ['good', 1], ['Thumbs up', 1], ['👍', 1], ['rejected', 0], ['non-preferred', 0], ['👎', 0],
  ])('%o is %d', (value, goodness) => expect(goodnessOf(value, 'x')).toBe(goodness)); // prettier-ignore

  it.each(['', ' ', '4/5', 'one', '2nd', null, undefined, NaN, Infinity, {}, []])('%o says nothing', (value) => {
    expect(tryGoodness(value)).toBeUndefined();
    expect(() => goodnessOf(value, 'x')).toThrow(RowProblem);
  });

  it.each([
    ['score', 'higher'], ['all_rm_scores', 'higher'], ['ratings', 'higher'], ['chosen-rating', 'higher'], ['score_A', 'higher'],
    ['rank', 'lower'], ['toxicity', 'lower'], ['toxicity_score', 'lower'], ['perplexity', 'lower'], ['nll', 'lower'],
    ['quality', 'unknown'], ['refined_x_scores', 'unknown'], ['label', 'unknown'], ['length', 'unknown'],
  ])('of %s: %s is better', (name, direction) => expect(directionOf(name)).toBe(direction)); // prettier-ignore
});
