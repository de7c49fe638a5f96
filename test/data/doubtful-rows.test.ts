/** Rows that could mean two things: nothing of them is lost or guessed at in silence. */
import { describe, expect, it } from 'vitest';

import { readPreferenceData } from '../../src/data/index.js';
import { dataFolder, failureOf, goodRow, lines } from './support.js';

const folder = dataFolder();
const read = (rows: readonly object[], options = {}) =>
  readPreferenceData(folder.write('rows.jsonl', lines(...rows)), options);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

describe('a system text is kept, whatever most rows look like', () => {
  it('where most rows have no such field', async () => {
    const data = await read([
      ...numbers(6).map(goodRow),
      ...numbers(3).map((n) => ({ ...goodRow(n), system: 'Be a pirate.' })),
    ]);
    expect(data.format).toBe('trl-standard');
    expect(data.pairs.map(({ plain, prompt }) => [plain, prompt.map(({ role }) => role).join()])).toEqual([
      ...numbers(6).map(() => [true, 'user']),
      ...numbers(3).map(() => [false, 'system,user']),
    ]);
    expect(data.pairs.at(-1)?.prompt[0]).toEqual({ role: 'system', content: 'Be a pirate.' });
    expect(data.notes.join()).toContain('but for rows with a system text');
  });

  it('where it is null in most rows: then all are turns of a chat', async () => {
    const data = await read([
      ...numbers(6).map((n) => ({ ...goodRow(n), system: null })),
      { ...goodRow(7), system: 'Be a pirate.' },
    ]);
    expect(data.format).toBe('question');
    expect(data.pairs.map(({ prompt }) => prompt.length)).toEqual([1, 1, 1, 1, 1, 1, 2]);
  });

  it('or its row is dropped: whole texts have no place for it', async () => {
    const error = await failureOf(read([{ system: 'S', chosen: 'S a b x', rejected: 'S a b y' }]));
    expect(error.message).toContain('1 x system: has no place before whole texts');
  });
});

describe('two texts without a prompt', () => {
  const responses = { chosen: 'The answer is 1', rejected: 'The thing is 1' };

  it.each(['Frage', 'title', 'headline', 'body'])('beside a column %s: it may be the prompt', async (name) => {
    const row = { [name]: 'What is 1?', ...responses };
    const error = await failureOf(read([row]));
    expect(error.message).toContain(`${name}: may be the prompt (--columns prompt=${name})`);
    expect((await read([row], { columns: { prompt: name } })).pairs[0]?.prompt[0]?.content).toBe('What is 1?');
    const named = await read([row], { format: 'trl-implicit' });
    expect(named.pairs[0]?.prompt[0]?.content).toBe('The');
    expect(named.notes).toEqual([
      'the prompt is the common beginning of chosen and rejected',
      `not read: ${name} (all rows)`,
    ]);
  });

  it('with two columns that may be the question', async () => {
    const row = { query: 'What is 1?', input: 'A number.', ...responses };
    expect((await failureOf(read([row]))).message).toContain('not read, and it may change what the pairs mean: input');
    const both = await read([row], { columns: { prompt: 'query', input: 'input' } });
    expect(both.pairs[0]?.prompt[0]?.content).toBe('What is 1?\nA number.');
  });

  it('beside columns that only describe the row: a note names them', async () => {
    const data = await read([{ prompt_id: 'x1', source: 'the web', chosen_rating: '8.5', n: 3, ...responses }]);
    expect(data.format).toBe('trl-implicit');
    expect(data.notes).toEqual([
      'the prompt is the common beginning of chosen and rejected',
      'not read: prompt_id (all rows), source (all rows)',
    ]);
  });

  it('as conversations: no such note', async () => {
    const turns = (answer: string) => [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: answer },
    ];
    expect((await read([{ chosen: turns('a'), rejected: turns('b'), source: 'the web' }])).notes).toEqual([
      'not read: source (all rows)',
    ]);
  });
});

describe('answers whose scores are not plain', () => {
  const good = { prompt: 'q', responses: ['best', 'worst'] };
  const scored = { ...good, scores: [2, 1] };
  const bestFirst = 'the format if the answers stand best first (--format scored-list)';
  const reasons = async (row: object, options = {}) =>
    (await read([scored, row], options)).dropped.map(({ reason }) => reason);

  // prettier-ignore
  it.each([
    ['a list of unknown meaning', { prompt: 'q', completions: ['x', 'y'], labels: [true, false] }, `labels: may score the completions; name it if it does (--score labels, with --lower-is-better if less is better), or ${bestFirst}`],
    ['a number of unknown meaning', { prompt: 'q', responses: [{ text: 'x', quality: 1 }, { text: 'y', quality: 2 }] }, `responses[].quality: may be a score; name it if it is (--score quality, with --lower-is-better if less is better), or ${bestFirst}`],
    ['scores of null', { ...good, scores: null }, `scores: expected a list of scores, got null; or name ${bestFirst}`],
    ['scores and ranks', { ...good, scores: [1, 2], ranks: [1, 2] }, 'scores and ranks both score the answers; name the one that counts (--score scores)'],
    ['scores beside and inside', { prompt: 'q', responses: [{ text: 'x', rank: 1 }, { text: 'y' }], scores: [1, 2] }, 'scores and rank both score the answers; name the one that counts (--score scores)'],
    ['only some answers with a score', { prompt: 'q', responses: [{ text: 'x', score: -5 }, { text: 'y' }] }, 'responses[1]: has no score; expected one in every answer'],
    ['a text among answers with a score', { prompt: 'q', responses: [{ text: 'x', score: 5 }, 'y'] }, 'responses[1]: has no score; expected one in every answer'],
    ['fewer scores than answers', { ...good, scores: [1] }, 'scores: expected 2 numbers, one per response, got 1'],
    ['scores that are no list', { ...good, scores: '1,2' }, 'scores: expected a list, got text "1,2"'],
    ['a blank score', { ...good, scores: ['  ', '1'] }, 'scores[0]: expected a number, got text "  "'],
  ])('%s: dropped', async (_what, row, reason) => {
    expect(await reasons(row)).toEqual([reason]);
  });

  it('are read as the user says', async () => {
    const chosen = async (row: object, options: object) => (await read([row], options)).pairs[0]?.chosen[0]?.content;
    const judged = { prompt: 'q', responses: ['x', 'y'], judge: [1, 2] };
    expect(await chosen(judged, { score: 'judge' })).toBe('y');
    expect(await chosen(judged, { format: 'scored-list' })).toBe('x');
    const both = { ...judged, scores: [1, 2], ranks: [1, 2] };
    expect(await chosen(both, { score: 'scores' })).toBe('y');
    expect(await chosen(both, { score: 'ranks' })).toBe('x');
    const inside = {
      prompt: 'q',
      responses: [
        { text: 'x', quality: 1 },
        { text: 'y', quality: 2 },
      ],
    };
    expect(await chosen(inside, { score: 'quality' })).toBe('y');
    expect(await chosen(inside, { format: 'scored-list' })).toBe('x');
  });
});
