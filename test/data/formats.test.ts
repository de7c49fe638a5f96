/** Each format: one row as people have it, and the pair that it means. */
import { describe, expect, it } from 'vitest';

import { FORMATS, readPreferenceData, type PreferencePair } from '../../src/data/index.js';
import { dataFolder, failureOf, goodRow, lines } from './support.js';

const folder = dataFolder();
const read = (rows: readonly object[], options = {}) =>
  readPreferenceData(folder.write('rows.jsonl', lines(...rows)), options);

/** A pair as `role: text` lines. */
const shape = ({ prompt, chosen, rejected, plain }: PreferencePair) => {
  const text = (messages: PreferencePair['prompt']) => messages.map(({ role, content }) => `${role}: ${content}`);
  return { plain, prompt: text(prompt), chosen: text(chosen), rejected: text(rejected) };
};

const chat = (prompt: string[], chosen: string, rejected: string) => ({
  plain: false,
  prompt,
  chosen: [`assistant: ${chosen}`],
  rejected: [`assistant: ${rejected}`],
});
/** Formats whose three examples are answers to fewer prompts. */
const GATHERED = ['helpsteer', 'scored-answer', 'feedback-collection', 'summarize-axis', 'oasst-messages', 'traces'];
const WRONG_ANSWERS = ['Six.', 'It is Mars.', 'Silk.', 'An ant.', '1.', 'Nothing.', 'I do not know.'];
const user = (content: string) => ({ role: 'user', content });
const assistant = (content: string) => ({ role: 'assistant', content });
const system = (content: string) => ({ role: 'system', content });

describe('every format is recognised and read', () => {
  // prettier-ignore
  const cases: readonly (readonly [format: string, what: string, row: object, pair: object])[] = [
    ['trl-standard', 'three texts', { prompt: 'The sky is', chosen: ' blue.', rejected: ' green.' }, { plain: true, prompt: ['user: The sky is'], chosen: ['assistant:  blue.'], rejected: ['assistant:  green.'] }],
    ['trl-conversational', 'messages', { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }, chat(['user: q'], 'a', 'b')],
    ['trl-conversational', 'a system turn', { prompt: [system('s'), user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }, chat(['system: s', 'user: q'], 'a', 'b')],
    ['trl-conversational', 'a system field', { system: 's', prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }, chat(['system: s', 'user: q'], 'a', 'b')],
    ['trl-conversational', 'content in parts', { prompt: [{ role: 'user', content: [{ type: 'text', text: 'q' }, { type: 'text', text: '?' }] }], chosen: [assistant('a')], rejected: [assistant('b')] }, chat(['user: q?'], 'a', 'b')],
    ['trl-implicit', 'whole conversations', { chosen: [user('q'), assistant('x'), user('r'), assistant('a')], rejected: [user('q'), assistant('x'), user('r'), assistant('b')] }, chat(['user: q', 'assistant: x', 'user: r'], 'a', 'b')],
    ['trl-implicit', 'whole conversations beside the prompt as text', { prompt: 'q', chosen: [user('q'), assistant('a')], rejected: [user('q'), assistant('b')], score_chosen: 8 }, chat(['user: q'], 'a', 'b')],
    ['trl-implicit', 'whole texts: the space goes to the responses', { chosen: 'The sky is blue.', rejected: 'The sky is green.' }, { plain: true, prompt: ['user: The sky is'], chosen: ['assistant:  blue.'], rejected: ['assistant:  green.'] }],
    ['trl-implicit', 'a split never cuts a character in half', { chosen: 'so \u{1F600}', rejected: 'so \u{1F601}' }, { plain: true, prompt: ['user: so '], chosen: ['assistant: \u{1F600}'], rejected: ['assistant: \u{1F601}'] }],
    ['trl-implicit', 'answers alone, the prompt as text beside them', { prompt: 'q', chosen: [assistant('a')], rejected: [assistant('b')] }, chat(['user: q'], 'a', 'b')],
    ['trl-implicit', 'answers alone, the prompt as messages', { messages: [system('s'), user('q')], chosen: [assistant('a')], rejected: [assistant('b')] }, chat(['system: s', 'user: q'], 'a', 'b')],
    ['trl-implicit', 'answers after a shared system turn', { prompt: 'q', chosen: [system('s'), assistant('a')], rejected: [system('s'), assistant('b')] }, chat(['system: s', 'user: q'], 'a', 'b')],
    ['trl-implicit', 'single messages', { messages: [user('q')], chosen: assistant('a'), rejected: assistant('b') }, chat(['user: q'], 'a', 'b')],
    ['trl-implicit', 'texts that answer messages', { messages: [user('q')], chosen: 'so a', rejected: 'so b', system: 's' }, chat(['system: s', 'user: q'], 'so a', 'so b')],
    ['hh-transcript', 'a system field', { system: 's', chosen: '\n\nHuman: q\n\nAssistant: a', rejected: '\n\nHuman: q\n\nAssistant: b' }, chat(['system: s', 'user: q'], 'a', 'b')],
    ['hh-transcript', 'HH-RLHF', { chosen: '\n\nHuman: q\n\nAssistant: x\n\nHuman: r\n\nAssistant: a', rejected: '\n\nHuman: q\n\nAssistant: x\n\nHuman: r\n\nAssistant: ab' }, chat(['user: q', 'assistant: x', 'user: r'], 'a', 'ab')],
    ['sharegpt', 'from and value', { conversations: [{ from: 'system', value: 's' }, { from: 'human', value: 'q' }], chosen: { from: 'gpt', value: 'a' }, rejected: { from: 'gpt', value: 'b' } }, chat(['system: s', 'user: q'], 'a', 'b')],
    ['sharegpt', 'a system field and tool turns', { system: 's', conversations: [{ from: 'human', value: 'q' }, { from: 'function_call', value: 'f' }, { from: 'observation', value: 'o' }], chosen: { from: 'gpt', value: 'a' }, rejected: { from: 'gpt', value: 'b' } }, chat(['system: s', 'user: q', 'assistant: f', 'tool: o'], 'a', 'b')],
    ['question', 'Orca DPO pairs', { system: 's', question: 'q', chosen: 'a', rejected: 'b' }, chat(['system: s', 'user: q'], 'a', 'b')],
    ['question', 'prompt with a system text', { system: 's', prompt: 'q', chosen: 'a', rejected: 'b' }, chat(['system: s', 'user: q'], 'a', 'b')],
    ['question', 'prompt with an empty system column', { system: null, prompt: 'q', chosen: 'a', rejected: 'b' }, chat(['user: q'], 'a', 'b')],
    ['question', 'input as the question', { system: 's', input: 'q', chosen: 'a', rejected: 'b' }, chat(['system: s', 'user: q'], 'a', 'b')],
    ['question', 'query as the question', { query: 'q', input: '', chosen: 'a', rejected: 'b' }, chat(['user: q'], 'a', 'b')],
    ['alpaca-ranking', 'chosen and rejected beside an output of null', { instruction: 'i', input: 'n', output: null, chosen: 'a', rejected: 'b' }, chat(['user: i\nn'], 'a', 'b')],
    ['alpaca-ranking', 'chosen and rejected beside a supervised output', { instruction: 'i', output: 'text', chosen: 'a', rejected: 'b' }, chat(['user: i'], 'a', 'b')],
    ['alpaca-ranking', 'chosen and rejected alone', { instruction: 'i', chosen: 'a', rejected: 'b' }, chat(['user: i'], 'a', 'b')],
    ['alpaca-ranking', 'comparison_gpt4', { instruction: 'i', input: 'n', output: ['a', 'b'] }, chat(['user: i\nn'], 'a', 'b')],
    ['alpaca-ranking', 'without input', { instruction: 'i', input: '', output: ['a', 'b'] }, chat(['user: i'], 'a', 'b')],
    ['alpaca-ranking', 'chosen and rejected, history, system', { instruction: 'i', chosen: 'a', rejected: 'b', system: 's', history: [['q1', 'r1']] }, chat(['system: s', 'user: q1', 'assistant: r1', 'user: i'], 'a', 'b')],
    ['distilabel-math', 'a system field', { system: 's', instruction: 'i', chosen_response: 'a', rejected_response: 'b' }, chat(['system: s', 'user: i'], 'a', 'b')],
    ['distilabel-math', 'distilabel', { metadata: '{}', instruction: 'i', chosen_response: 'a', chosen_rating: 5, rejected_response: 'b', rejected_rating: 3 }, chat(['user: i'], 'a', 'b')],
    ['ultrafeedback', 'UltraFeedback', { source: 'x', instruction: 'i', completions: [{ model: 'm', response: 'mid', overall_score: 5 }, { response: 'worst', overall_score: 1.5 }, { response: 'best', overall_score: 9 }] }, chat(['user: i'], 'best', 'worst')],
    ['nectar', 'Nectar', { prompt: '\n\nHuman: q\n\nAssistant: ', answers: [{ answer: 'second', rank: 2, model: 'm' }, { answer: 'first', rank: 1 }, { answer: 'third', rank: 3 }] }, chat(['user: q'], 'first', 'third')],
    ['scored-list', 'scores beside', { prompt: [user('q')], completions: ['low', 'high'], scores: [0.1, 0.9] }, chat(['user: q'], 'high', 'low')],
    ['scored-list', 'ranks beside', { prompt: 'q', responses: ['low', 'high'], ranks: [2, 1] }, chat(['user: q'], 'high', 'low')],
    ['scored-list', 'ratings beside', { prompt: 'q', completions: ['low', 'high'], ratings: [1, 5] }, chat(['user: q'], 'high', 'low')],
    ['scored-list', 'rewards beside, as text', { prompt: 'q', responses: ['low', 'high'], rewards: ['-1.5', '2e1'] }, chat(['user: q'], 'high', 'low')],
    ['scored-list', 'objects with ranks', { prompt: 'q', responses: [{ text: 'low', rank: 2 }, { text: 'high', rank: 1 }] }, chat(['user: q'], 'high', 'low')],
    ['scored-list', 'objects with scores', { prompt: 'q', system: 's', responses: [{ text: 'low', score: -2 }, { text: 'high', score: 1 }] }, chat(['system: s', 'user: q'], 'high', 'low')],
  ];

  it.each(cases)('%s: %s', async (format, _what, row, pair) => {
    const data = await read([row]);
    expect(data.format).toBe(format);
    expect(data.pairs.map(shape)).toEqual([pair]);
    expect((await read([row], { format })).pairs.map(shape)).toEqual([pair]);
  });

  it('helpsteer: answers are gathered by prompt; ties in helpfulness go to the other ratings', async () => {
    const answer = (prompt: string, response: string, helpfulness: number, correctness: number) => ({
      prompt,
      response,
      helpfulness,
      correctness,
      coherence: 4,
      complexity: 1,
      verbosity: 1,
    });
    const data = await read([
      answer('p', 'good', 3, 1),
      answer('other', 'alone', 4, 4),
      answer('p', 'best', 3, 4),
      answer('p', 'bad', 0, 4),
      answer('same', 'x', 2, 2),
      answer('same', 'y', 2, 2),
    ]);
    expect(data.format).toBe('helpsteer');
    expect(data.pairs.map(shape)).toEqual([chat(['user: p'], 'best', 'bad')]);
    expect(data.dropped).toEqual([
      { line: 2, reason: expect.stringContaining('unpaired: the only answer to its prompt') },
      { line: 5, reason: expect.stringContaining('all 2 answers score the same') },
    ]);
    expect(data.counts).toEqual({ rows: 6, pairs: 1, dropped: 2 });
    const byCorrectness = await read([answer('p', 'a', 4, 0), answer('p', 'b', 0, 4)], { score: 'correctness' });
    expect(byCorrectness.pairs.map(shape)).toEqual([chat(['user: p'], 'b', 'a')]);
  });

  it.each(FORMATS.map((format) => ({ name: format.name, examples: format.examples })))(
    '$name: its own examples, all three of them',
    async ({ name, examples }) => {
      const data = await read(examples);
      expect(data.format).toBe(name);
      expect(data.dropped).toEqual(GATHERED.includes(name) ? expect.any(Array) : []);
      expect(data.pairs.length).toBeGreaterThanOrEqual(GATHERED.includes(name) ? 1 : 3);
      // Every example has the bad answer that is wrong; whatever the format, it is never the chosen one.
      for (const { chosen } of data.pairs) expect(WRONG_ANSWERS).not.toContain(chosen.at(-1)?.content.trim());
    },
  );
});

describe('recognition', () => {
  it('goes by what most of the first rows are', async () => {
    const data = await read([{ id: 1 }, goodRow(1), goodRow(2)]);
    expect(data.format).toBe('trl-standard');
    expect(data.dropped).toEqual([{ line: 1, reason: 'prompt: missing; expected text; the row has id' }]);
  });

  it('tells right fields of wrong types from no known format', async () => {
    expect((await failureOf(read([{ prompt: 1, chosen: 2, rejected: 3 }]))).message).toContain(
      'prompt: expected text, got number 1',
    );
    const error = await failureOf(read([{ text: 'x', label: 1 }]));
    expect(error.hint).toContain('Closest is scored-answer, but messages: missing');
  });

  it('can be forced, and a wrong name gets the nearest', async () => {
    const row = { prompt: 'q', chosen: 'a', rejected: 'b' };
    const forced = await read([row], { format: 'question' });
    expect(forced.pairs.map(shape)).toEqual([chat(['user: q'], 'a', 'b')]);
    const error = await failureOf(read([row], { format: 'sharegtp' }));
    expect(error).toMatchObject({ code: 'config', hint: 'Did you mean "sharegpt"?' });
  });

  it('says how text will be used, and what is ignored', async () => {
    const row = { prompt: [user('q')], chosen: [assistant('a')], rejected: [assistant('b')], tools: [{ name: 'f' }] };
    expect((await read([row, { ...row, chosen: [assistant('c')] }, { ...row, tools: [] }])).notes).toEqual([
      'tools: carried to the chat template in 2 rows',
    ]);
    expect((await read([goodRow()])).notes.join()).toContain('without a chat template');
  });
});

describe('column names', () => {
  const row = { Frage: 'q', gut: 'a', schlecht: 'b', chosen: 'not this' };
  const columns = { prompt: 'Frage', chosen: 'gut', rejected: 'schlecht' };

  it('are mapped before the format is recognised', async () => {
    const data = await read([row], { columns });
    expect(data.format).toBe('trl-standard');
    expect(data.pairs.map(shape)).toEqual([
      { plain: true, prompt: ['user: q'], chosen: ['assistant: a'], rejected: ['assistant: b'] },
    ]);
    const csv = folder.write('table.csv', 'Frage,gut,schlecht,rolle\nq,a,b,s\n');
    const withSystem = await readPreferenceData(csv, { columns: { ...columns, system: 'rolle' } });
    expect(withSystem.pairs.map(shape)).toEqual([chat(['system: s', 'user: q'], 'a', 'b')]);
  });

  it('that are nowhere are an error with the nearest, in one row a drop', async () => {
    const error = await failureOf(read([row], { columns: { ...columns, prompt: 'Frag' } }));
    expect(error).toMatchObject({ code: 'config', hint: 'Did you mean "Frage"?' });
    const data = await read([row, { gut: 'a' }], { columns });
    expect(data.dropped).toEqual([{ line: 2, reason: 'column "Frage" (for prompt): missing' }]);
  });
});

describe('scored rows that make no pair', () => {
  const scored = (...completions: object[]) => ({ instruction: 'i', completions });
  const good = scored({ response: 'a', overall_score: 2 }, { response: 'b', overall_score: 1 });
  // prettier-ignore
  it.each([
    ['no answers', scored(), 'expected at least 2 answers to the prompt, got 0'],
    ['one answer', scored({ response: 'a', overall_score: 1 }), 'expected at least 2 answers to the prompt, got 1'],
    ['equal scores', scored({ response: 'a', overall_score: 1 }, { response: 'b', overall_score: 1 }), 'all 2 answers score the same (1)'],
    ['a score that is none', scored({ response: 'a', overall_score: 'N/A' }, { response: 'b', overall_score: 1 }), 'completions[0].overall_score: expected a number, got text "N/A"'],
    ['a score that is absent', scored({ response: 'a' }, { response: 'b', overall_score: 1 }), 'completions[0].overall_score: expected a number, got nothing'],
    ['a response that is none', scored({ response: null, overall_score: 1 }, { response: 'b', overall_score: 1 }), 'completions[0].response: expected text, got null'],
    ['an answer that is text', scored(good, 'text' as never), 'completions[0].response: expected text, got nothing'],
    ['the same answer twice', scored({ response: 'a', overall_score: 2 }, { response: 'a', overall_score: 1 }), 'all 2 answers to the prompt are the same text'],
  ])('%s', async (_what, bad, reason) => {
    const data = await read([good, bad]);
    expect(data.dropped).toEqual([{ line: 2, reason }]);
  });
});
