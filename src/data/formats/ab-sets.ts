/** Public data sets and exports that hold two answers and a verdict, each a declaration. */
import { describeValue } from '../../core/describe-value.js';
import { isText } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import { isNumeric, numberInText } from '../verdict/goodness.js';
import { createVerdictReader, signReader, type Winner, type VerdictReader } from '../verdict/sides.js';
import { abFormat } from './ab-format.js';
import type { FormatReader } from './decide.js';
import { each, said } from './examples.js';
import { CHAT } from './vocabulary.js';

/** Every second example has the better answer second. */
const placed = <T>(good: T, bad: T, index: number): readonly [T, T] => (index % 2 === 0 ? [good, bad] : [bad, good]);

const values =
  (meaning: Readonly<Record<string, Winner>>) =>
  (column: string): VerdictReader =>
  (value) => {
    const number = typeof value === 'string' ? numberInText(value) : value;
    const side = meaning[String(number)];
    if (side !== undefined) return side;
    throw new RowProblem(`${column}: expected ${Object.keys(meaning).join(' or ')}, got ${describeValue(value)}`);
  };

/** Stanford Human Preferences: labels say 1 where A is better. */
export const shp = abFormat({
  name: 'shp',
  summary: '{history, human_ref_A, human_ref_B, labels}: labels 1 = A is better, 0 = B',
  sources: 'stanfordnlp/SHP and SHP-2',
  examples: each((history, good, bad, index) => {
    const [a, b] = placed(good, bad, index);
    const [x, y] = placed(9, 2, index);
    return { history, human_ref_A: a, human_ref_B: b, labels: index % 2 === 0 ? 1 : 0, score_A: x, score_B: y };
  }),
  prompt: { names: ['history'], kinds: ['text'] },
  a: 'human_ref_a',
  b: 'human_ref_b',
  kinds: ['text'],
  verdict: 'labels',
  reader: values({ 1: 'a', 0: 'b' }),
  scores: ['score_a', 'score_b'],
});

/** HelpSteer 3: a preference from -3 to 3, below 0 for the first response. */
export const helpSteer3 = abFormat({
  name: 'helpsteer3',
  summary:
    '{context: messages, response1, response2, overall_preference}: below 0 the first is better, above 0 the second',
  sources: 'nvidia/HelpSteer3 (preference)',
  examples: each((question, good, bad, index) => {
    const [a, b] = placed(good, bad, index);
    return {
      context: [said('user', question)],
      response1: a,
      response2: b,
      overall_preference: index % 2 === 0 ? -2 : 1,
    };
  }),
  prompt: { names: ['context', 'prompt'], kinds: ['messages', 'text'] },
  a: 'response_1',
  b: 'response_2',
  kinds: ['text'],
  verdict: 'overall_preference',
  reader: (column) => signReader(column, 'a'),
  asides: ['domain', 'language', 'individual_preference'],
});

/** HelpSteer 2: a strength from -3 to 3, below 0 for the first response. */
export const helpSteer2Preference = abFormat({
  name: 'helpsteer2-preference',
  summary: '{prompt, response_1, response_2, preference_strength}: below 0 the first is better, above 0 the second',
  sources: 'nvidia/HelpSteer2 (preference)',
  examples: each((prompt, good, bad, index) => {
    const [a, b] = placed(good, bad, index);
    return { prompt, response_1: a, response_2: b, preference_strength: index % 2 === 0 ? -2 : 1 };
  }),
  prompt: { names: ['prompt'], kinds: ['text'] },
  a: 'response_1',
  b: 'response_2',
  kinds: ['text'],
  verdict: 'preference_strength',
  reader: (column) => signReader(column, 'a'),
  asides: [
    'preference_statement',
    'preference_elaboration',
    'three_most_similar_preferences',
    'all_preferences_unprocessed',
  ],
});

/** PKU-SafeRLHF: by helpfulness, unless the user names the column of safety. */
export const pkuSafeRlhf = abFormat({
  name: 'pku-saferlhf',
  summary: '{prompt, response_0, response_1, better_response_id, safer_response_id}: by better_response_id',
  sources: 'PKU-Alignment/PKU-SafeRLHF, all versions',
  flags: '--columns verdict=safer_response_id prefers the safer answer',
  examples: each((prompt, good, bad, index) => {
    const [a, b] = placed(good, bad, index);
    const better = index % 2;
    return { prompt, response_0: a, response_1: b, better_response_id: better, safer_response_id: 1 - better };
  }),
  prompt: { names: ['prompt'], kinds: ['text'] },
  a: 'response_0',
  b: 'response_1',
  kinds: ['text'],
  markers: ['0', '1'],
  verdict: 'better_response_id',
  reader: values({ 0: 'a', 1: 'b' }),
  asides: [
    'safer_response_id',
    'prompt_source',
    'response_0_source',
    'response_1_source',
    'response_0_sha_256',
    'response_1_sha_256',
  ],
});

/** A number from 1 to 2, of which the nearer one is better and 1.5 or AlpacaEval's 0 a tie; or the name of one of them. */
const nearerOf =
  (a: string, b: string): FormatReader =>
  (column, samples) => {
    const numbers = samples.filter(isNumeric).map(Number);
    if (numbers.some((number) => number < 1) && !numbers.some((number) => number > 1.5))
      return `${column} holds 0 and 1, and nothing says which of them prefers ${a} and which ${b}; say what they mean (--verdict VALUE=a,VALUE=b)`;
    const byName = createVerdictReader(column, { a, b, markers: ['1', '2'] }, [], undefined);
    return (value, row) => {
      if (typeof byName === 'function' && isText(value) && !isNumeric(value)) return byName(value, row);
      const number = isNumeric(value) ? Number(value) : NaN;
      if (number === 0) return 'tie';
      if (!(number >= 1 && number <= 2))
        throw new RowProblem(`${column}: expected a number from 1 to 2, got ${describeValue(value)}`);
      return number === 1.5 ? 'tie' : number < 1.5 ? 'a' : 'b';
    };
  };

/** AlpacaFarm: a number from 1 to 2 that says how near the preference lies to each output. */
export const alpacaFarm = abFormat({
  name: 'alpaca-farm',
  summary: '{instruction, input?, output_1, output_2, preference}: 1 or 2; between them the nearer one, 1.5 is a tie',
  sources: 'tatsu-lab/alpaca_farm, annotations of AlpacaEval',
  examples: each((instruction, good, bad, index) => {
    const [a, b] = placed(good, bad, index);
    return { instruction, input: '', output_1: a, output_2: b, preference: 1 + (index % 2) };
  }),
  prompt: { names: ['instruction'], kinds: ['text'] },
  a: 'output_1',
  b: 'output_2',
  kinds: ['text'],
  verdict: 'preference',
  reader: nearerOf('output_1', 'output_2'),
  asides: ['raw_preference'],
});

/** Preference Collection: the pair beside the prompt that a judge was given. */
export const prometheus = abFormat({
  name: 'prometheus',
  summary: '{orig_instruction, orig_response_A, orig_response_B, orig_preference}: beside the prompt of a judge',
  sources: 'prometheus-eval/Preference-Collection',
  examples: each((question, good, bad, index) => {
    const [a, b] = placed(good, bad, index);
    return {
      instruction: '###Task Description: ...',
      orig_instruction: question,
      orig_response_A: a,
      orig_response_B: b,
      orig_preference: 'AB'[index % 2],
    };
  }),
  prompt: { names: ['orig_instruction'], kinds: ['text'] },
  a: 'orig_response_a',
  b: 'orig_response_b',
  kinds: ['text'],
  markers: ['a', 'b'],
  verdict: 'orig_preference',
  scores: ['orig_score_a', 'orig_score_b'],
  asides: [
    'instruction',
    'input',
    'output',
    'orig_criteria',
    'orig_feedback',
    'orig_feedback_a',
    'orig_feedback_b',
    'orig_reference_answer',
    'messages',
  ],
});

/** Unified-Feedback: two conversations with ratings. */
export const unifiedFeedback = abFormat({
  name: 'unified-feedback',
  summary: '{conv_A, conv_B: conversations, conv_A_rating, conv_B_rating}: the higher rating is better',
  sources: 'llm-blender/Unified-Feedback',
  examples: each((question, good, bad, index) => {
    const [a, b] = placed(good, bad, index);
    const [x, y] = placed(1, 0, index);
    return {
      conv_A: [said('user', question), said('assistant', a)],
      conv_B: [said('user', question), said('assistant', b)],
      conv_A_rating: x,
      conv_B_rating: y,
    };
  }),
  a: 'conv_a',
  b: 'conv_b',
  kinds: CHAT,
  scores: ['conv_a_rating', 'conv_b_rating'],
});

/** WebGPT comparisons: two scores, of which equal ones are a tie. */
export const webGpt = abFormat({
  name: 'webgpt',
  summary:
    '{question: {full_text}, answer_0, answer_1, score_0, score_1}: the higher score is better, equal ones are a tie',
  sources: 'openai/webgpt_comparisons',
  examples: each((full_text, good, bad, index) => {
    const [a, b] = placed(good, bad, index);
    const [x, y] = placed(0.5, -0.5, index);
    return { question: { full_text }, answer_0: a, answer_1: b, score_0: x, score_1: y };
  }),
  prompt: { names: ['question.full_text', 'question'], kinds: ['text'] },
  a: 'answer_0',
  b: 'answer_1',
  kinds: ['text'],
  scores: ['score_0', 'score_1'],
  asides: ['question', 'quotes_0', 'quotes_1', 'tokens_0', 'tokens_1'],
});

/** Vertex AI's RLHF tuning: the index of the better candidate. */
export const vertexRlhf = abFormat({
  name: 'vertex-rlhf',
  summary: '{input_text, candidate_0, candidate_1, choice}: choice is 0 or 1',
  sources: "Vertex AI's RLHF tuning",
  examples: each((input_text, good, bad, index) => {
    const [a, b] = placed(good, bad, index);
    return { input_text, candidate_0: a, candidate_1: b, choice: index % 2 };
  }),
  prompt: { names: ['input_text'], kinds: ['text'] },
  a: 'candidate_0',
  b: 'candidate_1',
  kinds: ['text'],
  verdict: 'choice',
  reader: values({ 0: 'a', 1: 'b' }),
});
