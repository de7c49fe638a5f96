/** Rows as people have them, beyond the examples of the formats: what they mean, or why they are refused. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { formatDocument, GENERATED_MARK } from '../../src/data/formats/document.js';
import { explainFormat } from '../../src/data/explain-format.js';
import { readPreferenceData, type PreferencePair, type ReadOptions } from '../../src/data/index.js';
import { dataFolder, failureOf, lines } from './support.js';

const folder = dataFolder();
const file = (rows: readonly object[]) => folder.write('rows.jsonl', lines(...rows));
const read = (rows: readonly object[], options: ReadOptions = {}) => readPreferenceData(file(rows), options);

const u = (content: string) => ({ role: 'user', content });
const a = (content: string) => ({ role: 'assistant', content });
/** `prompt → chosen > rejected`, turns joined by `|`, the user's after `?`. */
const shown = ({ prompt, chosen, rejected }: PreferencePair): string => {
  const text = (messages: PreferencePair['prompt']) =>
    messages.map(({ role, content }) => (role === 'assistant' ? content : `${role[0]}:${content}`)).join('|');
  return `${text(prompt)} → ${text(chosen)} > ${text(rejected)}`;
};

describe('two answers and a verdict', () => {
  // prettier-ignore
  const cases: readonly (readonly [what: string, rows: readonly object[], pairs: readonly string[], options?: ReadOptions])[] = [
    ['overall_response counts from 1', [{ question: 'q', response_1: 'good', response_2: 'bad', overall_response: 1 }, { question: 'r', response_1: 'bad', response_2: 'good', overall_response: 2 }], ['u:q → good > bad', 'u:r → good > bad']],
    ['scores alone, one of them text', [{ question: 'q', response_0: 'bad', response_1: 'good', score_0: '1', score_1: 3 }], ['u:q → good > bad']],
    ['a score of which less is better, when the user says so', [{ question: 'q', response_0: 'good', response_1: 'bad', toxicity_0: 0.1, toxicity_1: 0.9 }], ['u:q → good > bad'], { lowerIsBetter: true }],
    ['the winner is a model', [{ prompt: 'q', model_a: 'm1', model_b: 'm2', response_a: 'bad', response_b: 'good', winner: 'm2' }], ['u:q → good > bad']],
    ['true of the answer in the name', [{ prompt: 'q', completion_a: 'good', completion_b: 'bad', a_is_better: true }], ['u:q → good > bad']],
    ['MT-bench: a first turn that was judged', [{ model_a: 'x', model_b: 'y', winner: 'model_a', turn: 1, conversation_a: [u('q'), a('good'), u('r'), a('x2')], conversation_b: [u('q'), a('bad'), u('r'), a('y2')] }], ['u:q → good > bad']],
    ['MT-bench: a second turn', [{ model_a: 'x', model_b: 'y', winner: 'model_b', turn: 2, conversation_a: [u('q'), a('A1'), u('r'), a('A2')], conversation_b: [u('q'), a('B1'), u('r'), a('B2')] }], ['u:q → B1|u:r|B2 > A1|u:r|A2']],
    ['the user says where and what', [{ info: { post: 'q' }, s: [{ text: 'bad' }, { text: 'good' }], pick: 'second' }], ['u:q → good > bad'], { columns: { prompt: 'info.post', a: 's.0.text', b: 's.1.text', verdict: 'pick' }, verdict: { first: 'a', second: 'b' } }],
    ['1 and 0, as the user says', [{ prompt: 'q', response_a: 'good', response_b: 'bad', label: 1 }, { prompt: 'r', response_a: 'bad', response_b: 'good', label: 0 }], ['u:q → good > bad', 'u:r → good > bad'], { verdict: { 1: 'a', 0: 'b' } }],
    ['the safer answer', [{ prompt: 'q', response_0: 'x', response_1: 'y', better_response_id: 0, safer_response_id: 1 }], ['u:q → y > x'], { columns: { verdict: 'safer_response_id' }, format: 'pku-saferlhf' }],
    ['Label Studio by most annotators', [{ data: { prompt: 'q', answer1: 'bad', answer2: 'good' }, id: 1, annotations: ['left', 'right', 'right'].map((selected) => ({ result: [{ value: { selected } }] })) }, { data: { prompt: 'r', answer1: 'good', answer2: 'bad' }, id: 2, annotations: [{ was_cancelled: true, result: [] }, { result: [{ value: { choices: ['answer1'] } }] }] }], ['u:q → good > bad', 'u:r → good > bad']],
    ['a judge at length', [{ question: 'q', answer_a: 'bad', answer_b: 'good', judgment: `Assistant A is wrong where it says that it is right. ${'It goes on. '.repeat(9)}Therefore: [[B]]` }], ['u:q → good > bad']],
    ['a comparison of columns', [{ prompt: 'q', response_a: 'bad', response_b: 'good', winner: 'response_b > response_a' }], ['u:q → good > bad']],
    ['Argilla on the hub: statuses in a list of their own', [{ prompt: 'q', response_1: 'good', response_2: 'bad', 'preference.responses': ['response_2', 'response_1', 'response_2'], 'preference.responses.status': ['discarded', 'submitted', 'draft'] }], ['u:q → good > bad']],
    ['Argilla on the hub: statuses of another question in front', [{ prompt: 'q', response_1: 'good', response_2: 'bad', 'quality.responses.status': ['discarded', 'submitted'], 'preference.responses': ['response_1', 'response_2'], 'preference.responses.status': ['submitted', 'discarded'] }, { prompt: 'r', response_1: 'good', response_2: 'bad', 'quality.responses.status': ['submitted'], 'preference.responses': ['response_1', 'response_1'] }], ['u:q → good > bad', 'u:r → good > bad']],
    ['Argilla by the order of a list', [{ id: 1, fields: { prompt: 'q', 'response-1': 'bad', 'response-2': 'good' }, responses: { ranking: [{ value: ['response-2', 'response-1'], status: 'submitted' }, { value: ['response-1', 'response-2'], status: 'discarded' }] } }], ['u:q → good > bad']],
  ];
  it.each(cases.map(([what, rows, pairs, options]) => ({ what, rows, pairs, options })))(
    '$what',
    async ({ rows, pairs, options }) => {
      expect((await read(rows, options)).pairs.map(shown)).toEqual(pairs);
    },
  );

  it.each([
    'A fails',
    'A is wrong',
    "A isn't better",
    "can't accept A",
    'anything but A',
    'reject A',
    'A >= B',
    '[[A]] or [[B]]',
  ])('%j is no verdict for A, whatever it is', async (winner) => {
    const data = await failureOf(read([{ prompt: 'q', response_a: 'x', response_b: 'y', winner }]));
    expect(data.message).toContain('winner: ');
  });

  it('rows that say that they do not count are dropped, and kept by --ignore', async () => {
    const row = { prompt: 'q', response_a: 'x', response_b: 'y', winner: 'A' };
    const rows = [
      { ...row, is_tie: 0, valid: true, status: 'done' },
      { ...row, is_tie: 1 },
      { ...row, both_bad: true },
      { ...row, deleted: 'True' },
      { ...row, valid: false },
      { ...row, status: 'Discarded' },
    ];
    const data = await read(rows);
    expect(data.pairs).toHaveLength(1);
    expect(data.dropped.map(({ reason }) => reason.replace(/;.*/, ''))).toEqual([
      'tie: is_tie is 1',
      'tie: both_bad is true',
      'out of use: deleted is True',
      'out of use: valid is false',
      'out of use: status is Discarded',
    ]);
    expect((await read(rows, { ignore: ['is_tie', 'both_bad', 'deleted', 'valid', 'status'] })).pairs).toHaveLength(6);
  });

  it('ties and contradictions are dropped, and say what they are', async () => {
    const row = { prompt: 'q', response_a: 'x', response_b: 'y' };
    const data = await read([
      { ...row, winner: 'A', score_a: 2, score_b: 1 },
      { ...row, winner: 'tie', score_a: 2, score_b: 1 },
      { ...row, winner: 'A', score_a: 1, score_b: 5 },
      { ...row, winner: 'C', score_a: 1, score_b: 5 },
    ]);
    expect(data.pairs[0]?.decided).toBe('winner: "A"');
    expect(data.dropped.map(({ reason }) => reason)).toEqual([
      'tie: winner: "tie"',
      'contradiction: winner: "A", but score_a 1, score_b 5',
      'winner: names neither response_a nor response_b, got text "C"',
    ]);
  });

  it.each([
    [{ prompt: 'q', response_a: 'x', response_b: 'y', label: 1 }, 'label holds 1, and nothing says which'],
    [{ prompt: 'q', answer1: 'x', answer2: 'y', preferred: 1 }, 'preferred holds 1, and nothing says which'],
    [
      { question: 'q', response_0: 'x', response_1: 'y', toxicity_0: 0.1, toxicity_1: 0.9 },
      '--lower-is-better or --higher',
    ],
    [{ prompt: 'q', completion_a: 'x', completion_b: 'y' }, 'nothing says which is better'],
    [{ prompt: 'q', answer_1: 'x', answer_2: 'y', winner: 'Model 0' }, 'winner holds text "Model 0", and nothing says'],
    [{ prompt: 'q', response_a: 'x', response_b: 'y', winner: 'a', preference: 'b' }, 'may both be the verdict'],
  ])('%j is refused with what could settle it', async (row, hint) => {
    expect((await failureOf(read([row]))).hint).toContain(hint);
  });
});

describe('a good and a bad answer under other names', () => {
  // prettier-ignore
  const cases: readonly (readonly [what: string, row: object, pair: string, options?: ReadOptions])[] = [
    ['spreadsheet', { 'User prompt': 'q', 'Better answer': 'good', 'Worse answer': 'bad' }, 'u:q → good > bad'],
    ['y_w and y_l', { x: 'q', y_w: 'good', y_l: 'bad' }, 'u:q → good > bad'],
    ['preferred and dispreferred', { prompt: 'q', preferred: 'good', dispreferred: 'bad' }, 'u:q → good > bad'],
    ['preferred and non-preferred, upside down', { 'Non-preferred response': 'bad', 'Preferred response': 'good', Question: 'q' }, 'u:q → good > bad'],
    ['response and rejected_response', { query: 'q', response: 'good', rejected_response: 'bad', system: 's', history: [['h', 'i']] }, 's:s|u:h|i|u:q → good > bad'],
    ['processed-hh', { context: [{ role: 'human', text: 'q' }], chosen: { role: 'assistant', text: 'good' }, rejected: { role: 'assistant', text: 'bad' } }, 'u:q → good > bad'],
    ['messages in a column of another name', { thread: [u('q')], chosen: 'I think good', rejected: 'I think bad' }, 'u:q → I think good > I think bad'],
    ['messages as text', { chosen: JSON.stringify([u('q'), a('good')]), rejected: JSON.stringify([u('q'), a('bad')]) }, 'u:q → good > bad'],
    ['a prompt that ends with the answer', { messages: [u('q'), a('good')], chosen: 'good', rejected: 'bad' }, 'u:q → good > bad'],
    ['prompt and whole conversations', { prompt: [u('q')], chosen: [u('q'), a('good')], rejected: [u('q'), a('bad')] }, 'u:q → good > bad'],
    ['answers that repeat the prompt', { prompt: 'Say it:\n', chosen: 'Say it:\ngood', rejected: 'Say it:\nbad' }, 'u:Say it:\n → good > bad'],
    ['a prompt with marks', { prompt: '\n\nHuman: q\n\nAssistant: x\n\nHuman: r\n\nAssistant:', chosen: ' good', rejected: ' bad\n\nHuman: s' }, 'u:q|x|u:r → good > bad'],
    ['marks kept by name', { prompt: '\n\nHuman: q\n\nAssistant:', chosen: ' good', rejected: ' bad' }, 'u:\n\nHuman: q\n\nAssistant: →  good >  bad', { format: 'trl-standard' }],
    ['NVIDIA marks with a system text', { prompt: '<extra_id_0>System\nBe kind.\n\n<extra_id_1>User\nq\n<extra_id_1>Assistant\n', chosen_response: 'good\n<extra_id_1>', rejected_response: 'bad' }, 's:Be kind.|u:q → good > bad'],
    ['a turn after the answer', { chosen: [u('q'), a('good'), u('thanks')], rejected: [u('q'), a('bad')] }, 'u:q → good > bad'],
    ['a question as text, and whole conversations that share more than it', { prompt: 'q', chosen: [u('q'), a('1'), u('r'), a('good')], rejected: [u('q'), a('1'), u('r'), a('bad')] }, 'u:q|1|u:r → good > bad'],
    ['conversations that part at a question', { chosen: [u('q'), a('1'), u('r'), a('good')], rejected: [u('q'), a('1'), u('s'), a('bad')] }, 'u:q → 1|u:r|good > 1|u:s|bad'],
    ['the system text in a column and in the conversation', { system: 's', prompt: [{ role: 'system', content: 's' }, u('q')], chosen: [a('good')], rejected: [a('bad')] }, 's:s|u:q → good > bad'],
    ['a blank system column beside a conversation that has a system text', { system: ' ', prompt: [{ role: 'system', content: 's' }, u('q')], chosen: [a('good')], rejected: [a('bad')] }, 's:s|u:q → good > bad'],
    ['a dialogue with the line ends of Windows', { chosen: 'Human: q\r\n\r\nAssistant: good', rejected: 'Human: q\r\n\r\nAssistant: bad' }, 'u:q → good > bad'],
    ['messages as NumPy prints them', { chosen: "[{'content': 'q', 'role': 'user'}\n {'content': 'good', 'role': 'assistant'}]", rejected: "[{'content': 'q', 'role': 'user'}\n {'content': 'bad', 'role': 'assistant'}]" }, 'u:q → good > bad'],
    ['an answer of several turns', { prompt: [u('q')], chosen: [a('1'), u('and'), a('good')], rejected: [a('2'), u('and'), a('bad')] }, 'u:q → 1|u:and|good > 2|u:and|bad'],
    ['chosen and rejected name models', { prompt: 'q', alpha: 'good', beta: 'bad', chosen: 'alpha', rejected: 'beta' }, 'u:q → good > bad'],
    ['null columns of a mixture', { prompt: null, question: 'q', messages: null, chosen: 'good', rejected: 'bad', system: 's' }, 's:s|u:q → good > bad'],
    ['keys that the user names', { talk: [{ who: 'kunde', words: 'q' }], chosen: { who: 'berater', words: 'good' }, rejected: { who: 'berater', words: 'bad' } }, 'u:q → good > bad', { columns: { prompt: 'talk' }, messages: { role: 'who', content: 'words', roles: { kunde: 'user', berater: 'assistant' } } }],
  ];
  it.each(cases.map(([what, row, pair, options]) => ({ what, row, pair, options })))(
    '$what',
    async ({ row, pair, options }) => {
      expect((await read([row], options)).pairs.map(shown)).toEqual([pair]);
    },
  );

  it("two system texts that differ are nobody's to choose between", async () => {
    const prompt = [{ role: 'system', content: 's' }, u('q')];
    const row = { system: 't', prompt, chosen: [a('good')], rejected: [a('bad')] };
    expect((await failureOf(read([row]))).message).toContain('two system texts');
    expect((await read([row], { ignore: ['system'] })).pairs.map(shown)).toEqual(['s:s|u:q → good > bad']);
  });

  it('several answers: entry by entry where the lists are as long, else each with each', async () => {
    const data = await read([
      { prompt: 'q', chosen: ['good', 'better'], rejected: ['bad', 'worse'] },
      { prompt: 'r', chosen: 'good', rejected: ['bad', 'worse'] },
    ]);
    expect(data.pairs.map(shown)).toEqual([
      'u:q → good > bad',
      'u:q → better > worse',
      'u:r → good > bad',
      'u:r → good > worse',
    ]);
  });

  it('rows of several formats in one file are each read as what they are', async () => {
    const data = await read([
      { chosen: [u('q'), a('good')], rejected: [u('q'), a('bad')] },
      { chosen: [u('r'), a('good')], rejected: [u('r'), a('bad')] },
      { instruction: 's', chosen_response: 'good', rejected_response: 'bad' },
      { chosen: 'a text that begins alike', rejected: 'a text that ends otherwise' },
    ]);
    expect(data.pairs.map(shown)).toEqual(['u:q → good > bad', 'u:r → good > bad', 'u:s → good > bad']);
    expect(data.dropped.map(({ line }) => line)).toEqual([4]);
    expect(data.notes).toContain('rows of several formats: 2 trl-implicit, 1 distilabel-math');
  });

  it('scores that tie or contradict the columns drop the row, unless they are ignored', async () => {
    const rows = [
      [9, 2],
      [5, 5],
      [1, 3],
    ].map(([chosen_score, rejected_score], index) => ({
      prompt: `q${index}`,
      chosen: 'x',
      rejected: 'y',
      chosen_score,
      rejected_score,
    }));
    const data = await read(rows);
    expect(data.pairs.map(({ line, decided }) => [line, decided])).toEqual([[1, 'chosen_score 9, rejected_score 2']]);
    expect(data.dropped.map(({ reason }) => reason.split(':')[0])).toEqual(['tie', 'contradiction']);
    expect((await read(rows, { ignore: ['chosen_score', 'rejected_score'] })).pairs).toHaveLength(3);
  });
});

describe('nothing is left unread in silence', () => {
  const row = { prompt: 'When was it closed?', chosen: 'In May.', rejected: 'In June.' };

  it.each([
    ['context', 'On 3 May.', '--columns input=context'],
    ['schema', 'CREATE TABLE t', '--columns input=schema'],
    ['full_prompt', 'Answer in one word: when?', '--columns prompt=full_prompt'],
    ['winner', 'model_a', 'verdict=winner'],
    ['choices', ['in May', 'in June'], '--columns input=choices'],
    ['initial_reason_steps', 'Step 1: look it up.', 'write it into the prompt'],
    ['dialog', [u('earlier')], '--columns history=dialog'],
  ])('%s stops the reading until it is given a role or ignored', async (name, value, flag) => {
    const rows = [row, { ...row, [name]: value }];
    const error = await failureOf(read(rows));
    expect(error.message).toContain(`it may change what the pairs mean: ${name} (in 1 of the first 2 rows)`);
    expect(error.hint).toContain(flag);
    expect(error.hint).toContain(`--ignore ${name}`);
    expect((await read(rows, { ignore: [name] })).notes.join()).toContain(`${name}: ignored in 1 row`);
  });

  it('but not what the prompt says already, or what describes the row', async () => {
    const rendered = `<|im_start|>user\n${row.prompt}<|im_end|>\n`;
    const said = {
      ...row,
      question: row.prompt,
      llama_prompt: rendered,
      prompt_id: 'x7',
      judge_prompt: 'Which is better?',
    };
    const data = await read([said]);
    expect(data.pairs).toHaveLength(1);
    expect(data.report.unread.map(({ name, share }) => [name, share]).sort()).toEqual(
      ['judge_prompt', 'llama_prompt', 'prompt', 'prompt_id'].map((name) => [name, 1]),
    );
  });

  it('keys of messages are carried or named', async () => {
    const data = await read([
      {
        prompt: [u('q')],
        chosen: [{ ...a('good'), reasoning_content: 'because' }],
        rejected: [{ ...a('bad'), latency: 3 }],
      },
    ]);
    expect(data.pairs[0]?.chosen[0]?.extra).toEqual({ reasoning_content: 'because' });
    expect(data.notes).toEqual([
      'message keys that are not read: latency (all rows)',
      'reasoning_content: carried to the chat template in 1 row',
    ]);
  });

  it('a mapping is an order, and one that nothing obeys is an error', async () => {
    const twice = { question: 'topic 17', full_prompt: 'When?', chosen: 'x', rejected: 'y' };
    const data = await read([twice], { columns: { prompt: 'full_prompt' } });
    expect(data.pairs.map(shown)).toEqual(['u:When? → x > y']);
    expect(data.report.unread.map(({ name }) => name)).toEqual(['question']);
    await expect(read([row], { score: 'quality' })).rejects.toThrow('rows of format trl-standard are not scored');
    await expect(read([row], { verdict: { 1: 'a' } })).rejects.toThrow('has no verdict between two answers');
    await expect(read([{ ...row, w: 'A' }], { columns: { verdict: 'w' } })).rejects.toThrow();
  });
});

describe('lists and single answers', () => {
  // prettier-ignore
  const cases: readonly (readonly [what: string, rows: readonly object[], pairs: readonly string[], options?: ReadOptions])[] = [
    ['marks of 0 and 1', [{ prompt: 'q', completions: [{ text: 'bad', is_preferred: 0 }, { text: 'good', is_preferred: 1 }] }], ['u:q → good > bad']],
    ['words of praise', [{ prompt: 'q', responses: [{ text: 'bad', quality: 'worse' }, { text: 'good', quality: 'better' }] }], ['u:q → good > bad']],
    ['answers that are words of praise themselves', [{ prompt: 'q', responses: [{ text: 'yes', score: 1 }, { text: 'no', score: 2 }] }], ['u:q → no > yes']],
    ['numbers as text', [{ prompt: 'q', completions: [{ text: 'bad', rating: '2.5' }, { text: 'good', rating: '4.5' }] }], ['u:q → good > bad']],
    ['ranked messages', [{ messages: [u('q')], responses: [{ ...a('bad'), rank: 2 }, { ...a('good'), rank: 1 }] }], ['u:q → good > bad']],
    ['best first, where the format is named', [{ prompt: 'q', responses: ['good', 'mid', 'bad'] }], ['u:q → good > bad'], { format: 'scored-list' }],
    ['less is better, as the user says', [{ prompt: 'q', responses: ['good', 'bad'], toxicity: [0.1, 0.9] }], ['u:q → good > bad'], { score: 'toxicity', lowerIsBetter: true }],
    ['rewards of rows', [{ prompt: 'q', completion: 'bad', reward: -0.9 }, { prompt: 'q', completion: 'good', reward: 0.9 }], ['u:q → good > bad']],
    ['labels of conversations', [{ messages: [u('q'), a('good')], label: true }, { messages: [u('q'), a('bad')], label: false }], ['u:q → good > bad']],
    ['thumbs', [{ messages: [u('q'), a('good')], feedback: 'up' }, { messages: [u('q'), a('bad')], feedback: 'down' }], ['u:q → good > bad']],
    ['OASST: answers deep in a tree', [
      { message_id: '1', parent_id: null, role: 'prompter', text: 'q', rank: null },
      { message_id: '4', parent_id: '3', role: 'assistant', text: 'bad', rank: 1 },
      { message_id: '2', parent_id: '1', role: 'assistant', text: 'x', rank: null },
      { message_id: '3', parent_id: '2', role: 'prompter', text: 'r', rank: null },
      { message_id: '5', parent_id: '3', role: 'assistant', text: 'good', rank: 0 },
    ], ['u:q|x|u:r → good > bad']],
  ];
  it.each(cases.map(([what, rows, pairs, options]) => ({ what, rows, pairs, options })))(
    '$what',
    async ({ rows, pairs, options }) => {
      expect((await read(rows, options)).pairs.map(shown)).toEqual(pairs);
    },
  );

  it.each([
    [{ prompt: 'q', completions: ['x', 'y'] }, {}, 'nothing says which of the 2 answers is better'],
    [{ prompt: 'q', responses: ['x', 'y'], reverse_rank: [1, 2] }, {}, 'reverse_rank: may score the responses'],
    [{ prompt: 'q', responses: ['x', 'y'], toxicity: [0.1, 0.9] }, {}, '--score toxicity --lower-is-better'],
    [
      { prompt: 'q', responses: ['x', 'y'], toxicity: [0.1, 0.9] },
      { score: 'toxicity' },
      'less of it is usually better',
    ],
    [{ prompt: 'q', responses: ['x', 'y'], ranks: ['1st', '2nd'] }, {}, 'expected a number, got text "1st"'],
    [{ prompt: 'q', completions: ['x', 'y'], labels: [true, false] }, {}, 'labels: may score the completions'],
    [
      { prompt: 'q', responses: ['x', 'y'], chosen: 1 },
      {},
      'chosen: may say which of the 2 responses is better or worse',
    ],
    // The order of the answers is not taken while something else may say which is better, named format or not.
    [{ prompt: 'q', responses: ['x', 'y'], worst: 1 }, { format: 'scored-list' }, 'worst: may say which'],
    [
      { prompt: 'q', responses: ['x', 'y', 'z'], best: 2 },
      {},
      '--columns verdict=best --verdict 0=a if it counts from 0',
    ],
    [
      {
        prompt: 'q',
        responses: [
          { text: 'x', has_error: 'yes' },
          { text: 'y', has_error: 'no' },
        ],
      },
      {},
      'nothing says which',
    ],
    [{ prompt: 'q', completion: 'x', label: true }, {}, 'unpaired: the only answer to its prompt'],
  ])('%j is refused: %j', async (row, options, reason) => {
    expect((await failureOf(read([row], options))).message).toContain(reason);
  });
});

describe('what is told of formats', () => {
  it('docs/data.md is up to date', () => {
    const document = readFileSync(new URL('../../docs/data.md', import.meta.url), 'utf8');
    expect(document.slice(document.indexOf(GENERATED_MARK))).toBe(formatDocument());
  });

  it('why a format was chosen, and why another does not fit', async () => {
    const source = file([{ prompt: 'q', chosen: 'x', rejected: 'y', context: 'z z z z' }]);
    const { rows, shapes } = await explainFormat(source);
    expect(rows).toBe(1);
    expect(shapes).toMatchObject([{ rows: 1, format: 'trl-standard', hint: undefined }]);
    expect(shapes[0]?.columns.map(({ path, role, stops }) => [path, role, stops])).toEqual([
      ['prompt', 'prompt', false],
      ['chosen', 'chosen', false],
      ['rejected', 'rejected', false],
      ['context', undefined, true],
    ]);
    expect(shapes[0]?.others).toContainEqual({
      format: 'sharegpt',
      why: expect.stringContaining('conversations: missing'),
    });
  });

  it("LLaMA-Factory's list of data sets is answered with the command for its entries", async () => {
    const entry = {
      file_name: 'pairs.json',
      ranking: true,
      columns: { messages: 'talk', chosen: 'good', rejected: 'bad' },
      tags: { role_tag: 'who', content_tag: 'words', user_tag: 'kunde', assistant_tag: 'berater' },
    };
    const error = await failureOf(
      readPreferenceData(folder.write('dataset_info.json', JSON.stringify({ my_pairs: entry }))),
    );
    expect(`${error.message} ${error.hint}`).toContain(
      'my_pairs: mrpo data pairs.json --columns prompt=talk,chosen=good,rejected=bad --message-keys role=who,content=words --speakers kunde=user,berater=assistant',
    );
  });
});
