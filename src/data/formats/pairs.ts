/** Formats whose rows are pairs already, each a declaration of what its columns are called. */
import { isText } from '../fields.js';
import type { RowShape } from '../shape.js';
import { looksLikeTranscript } from '../turns.js';
import { each, said, saidBy } from './examples.js';
import type { Format } from './format.js';
import { pairFormat } from './pair-format.js';
import { ANSWER, CHAT, TEXT } from './vocabulary.js';

const has = (shape: RowShape, name: string): boolean => shape.columns.some((column) => column.name === name);
const textAt = (shape: RowShape, name: string): string => {
  const value = shape.columns.find((column) => column.name === name)?.sample;
  return isText(value) ? value : '';
};
const CHOSEN = { names: ['chosen'], kinds: ANSWER };
const REJECTED = { names: ['rejected'], kinds: ANSWER };
const CHOSEN_TEXT = { names: ['chosen'], kinds: TEXT };
const REJECTED_TEXT = { names: ['rejected'], kinds: TEXT };

/** ShareGPT's messages with a chosen and a rejected one. */
export const shareGpt = pairFormat({
  name: 'sharegpt',
  summary: '{conversations: [{from, value}], chosen: {from, value}, rejected: {from, value}}',
  sources: "LLaMA-Factory's ShareGPT ranking; UltraInteract",
  examples: each((question, good, bad) => ({
    conversations: [saidBy('human', question)],
    chosen: saidBy('gpt', good),
    rejected: saidBy('gpt', bad),
  })),
  prompt: { names: ['conversations'], kinds: CHAT },
  chosen: CHOSEN,
  rejected: REJECTED,
});

/** Capybara: chosen and rejected decide, and not the ratings beside them. */
export const capybara = pairFormat({
  name: 'capybara',
  summary:
    '{chosen, rejected: conversations, original_response, new_generations}: the ratings beside them do not decide',
  sources: 'argilla/distilabel-capybara-dpo-7k-binarized',
  examples: each((question, good, bad) => ({
    prompt: question,
    chosen: [said('user', question), said('assistant', good)],
    rejected: [said('user', question), said('assistant', bad)],
    original_response: good,
    new_generations: [bad],
    rating_chosen: 5,
    rating_rejected: 5,
  })),
  chosen: { names: ['chosen'], kinds: CHAT },
  rejected: { names: ['rejected'], kinds: CHAT },
  manner: { checkScores: false },
  refuses: (shape) =>
    has(shape, 'original_response') && has(shape, 'new_generations')
      ? undefined
      : 'original_response, new_generations: missing',
  asides: [
    'conversation',
    'original_response',
    'generation_prompt',
    'raw_generation_responses',
    'new_generations',
    'rating_chosen',
    'rating_rejected',
  ],
});

/** Texts under instruction, chosen_response and rejected_response. */
export const distilabelMath = pairFormat({
  name: 'distilabel-math',
  summary: '{instruction, chosen_response, rejected_response, system?}: texts for the chat template',
  sources:
    "argilla/distilabel-math-preference-dpo, argilla/ultrafeedback-binarized-preferences; axolotl's chatml.argilla",
  examples: each((question, good, bad) => ({ instruction: question, chosen_response: good, rejected_response: bad })),
  prompt: { names: ['instruction'], kinds: TEXT },
  chosen: { names: ['chosen_response'], kinds: TEXT },
  rejected: { names: ['rejected_response'], kinds: TEXT },
});

/** Alpaca's columns with chosen and rejected, and an input beside the instruction. */
export const alpacaPair = pairFormat({
  name: 'alpaca-ranking',
  summary:
    '{instruction, input?, output: [best, ..., worst]} or {instruction, input?, chosen, rejected}, with system? and history?',
  sources: "LLaMA-Factory's Alpaca ranking, comparison_gpt4; Dolly's columns",
  examples: [
    { instruction: 'Name the animal.', input: 'It has eight legs.', output: ['A spider.', 'An ant.'] },
    { instruction: 'Which planet is the largest?', chosen: 'Jupiter is.', rejected: 'It is Mars.' },
    { instruction: 'And after that?', history: [['What is 1 + 1?', '2.']], chosen: '3.', rejected: '1.' },
  ],
  prompt: { names: ['instruction'], kinds: TEXT },
  chosen: CHOSEN_TEXT,
  rejected: REJECTED_TEXT,
});

/** Other names of the question, where no column is called so. */
const QUESTION_NAMES = ['question', 'query', 'input', 'instruction'];

/**
 * A question with a good and a bad answer, for the chat template (Orca DPO pairs, Neural-DPO). A `prompt` is one where
 * the rows have a `system` column, filled or not: such rows are turns of a chat, not text to be continued.
 */
export const question: Format = (() => {
  const declared = {
    name: 'question',
    summary: '{question (or query, input, prompt), chosen, rejected, system?}: texts for the chat template',
    sources: "Intel/orca_dpo_pairs, truthy-dpo, orpo-dpo-mix-40k-flat; axolotl's chatml.icr and prompt_pairs",
    examples: each((asked, good, bad) => ({ system: 'Be brief.', question: asked, chosen: good, rejected: bad })),
    chosen: CHOSEN_TEXT,
    rejected: REJECTED_TEXT,
  };
  const asQuestion = pairFormat({ ...declared, prompt: { names: QUESTION_NAMES, kinds: TEXT } });
  const asPrompt = pairFormat({
    ...declared,
    prompt: { names: ['prompt'], kinds: TEXT },
    refuses: (shape) => (has(shape, 'system') ? undefined : 'prompt: no system column beside it'),
  });
  const either = pairFormat({ ...declared, prompt: { names: [...QUESTION_NAMES, 'prompt'], kinds: TEXT } });
  return {
    ...asQuestion,
    match(shape, context, strict) {
      if (!strict) return either.match(shape, context, strict);
      const filledPrompt = shape.columns.some(({ name, kind }) => name === 'prompt' && kind === 'text');
      const first =
        filledPrompt && !shape.columns.some(({ name, kind }) => name === 'question' && kind === 'text')
          ? asPrompt
          : asQuestion;
      const match = first.match(shape, context, strict);
      return 'read' in match || first === asPrompt ? match : asPrompt.match(shape, context, strict);
    },
  };
})();

/**
 * TRL's standard format: three texts, used as they are, without a chat template. Only a template has a place for a
 * system text, so a row that has one is put into it.
 */
export const trlStandard = pairFormat({
  name: 'trl-standard',
  summary: '{prompt, chosen, rejected}: three texts, used as they are',
  sources: "TRL's standard preference format, tldr-preference, py-dpo, reward-bench",
  examples: each((asked, good, bad) => ({
    prompt: `Question: ${asked}\nAnswer:`,
    chosen: ` ${good}`,
    rejected: ` ${bad}`,
  })),
  prompt: { names: ['prompt'], kinds: TEXT },
  chosen: CHOSEN_TEXT,
  rejected: REJECTED_TEXT,
  manner: { plain: true },
  refuses: (shape) => (has(shape, 'system') ? 'system: has no place in texts that are used as they are' : undefined),
  note: (shape) =>
    looksLikeTranscript(textAt(shape, 'prompt')) || has(shape, 'history')
      ? undefined
      : "text is used as it is, without a chat template (TRL's standard format), but for rows with a system text; " +
        'format "question" puts it into the chat template instead',
});

/** TRL's conversational format: lists of messages; a `system` field goes in front where the prompt has none. */
export const trlConversational = pairFormat({
  name: 'trl-conversational',
  summary: '{prompt, chosen, rejected}: lists of {role, content}',
  sources: "TRL's conversational preference format, xtuner, verl, Unsloth",
  examples: each((asked, good, bad) => ({
    prompt: [said('user', asked)],
    chosen: [said('assistant', good)],
    rejected: [said('assistant', bad)],
  })),
  prompt: { names: ['prompt'], kinds: CHAT },
  chosen: CHOSEN,
  rejected: REJECTED,
});

/** HH-RLHF: two whole dialogues as text, which share everything but the last reply. */
export const hhTranscript = pairFormat({
  name: 'hh-transcript',
  summary: '{chosen, rejected}: dialogues "Human: ... Assistant: ..." as text (HH-RLHF)',
  sources: 'Anthropic/hh-rlhf, Dahoas/full-hh-rlhf and rm-static (the dialogue in `prompt`)',
  examples: each((asked, good, bad) => ({
    chosen: `\n\nHuman: ${asked}\n\nAssistant: ${good}`,
    rejected: `\n\nHuman: ${asked}\n\nAssistant: ${bad}`,
  })),
  chosen: CHOSEN_TEXT,
  rejected: REJECTED_TEXT,
  refuses: (shape) => {
    if (has(shape, 'prompt')) return 'prompt: is a column of its own';
    const both = [textAt(shape, 'chosen'), textAt(shape, 'rejected')];
    return both.every(looksLikeTranscript) ? undefined : 'chosen, rejected: are no dialogues that begin with "Human:"';
  },
});

/** Two whole conversations. */
export const torchtune = pairFormat({
  name: 'torchtune',
  summary: '{chosen_conversations, rejected_conversations}: whole conversations',
  sources: "torchtune's preference_dataset, in OpenAI's or ShareGPT's messages",
  examples: each((asked, good, bad) => ({
    chosen_conversations: [said('user', asked), said('assistant', good)],
    rejected_conversations: [said('user', asked), said('assistant', bad)],
  })),
  chosen: { names: ['chosen_conversations'], kinds: CHAT },
  rejected: { names: ['rejected_conversations'], kinds: CHAT },
});

/** Two whole conversations: what people wrote, and what the model made of it. */
export const spin = pairFormat({
  name: 'spin',
  summary: '{real, generated}: whole conversations; what people wrote is better than what the model made of it',
  sources: 'UCLA-AGI/SPIN and its successors',
  examples: each((asked, good, bad) => ({
    real: [said('user', asked), said('assistant', good)],
    generated: [said('user', asked), said('assistant', bad)],
  })),
  chosen: { names: ['real'], kinds: CHAT },
  rejected: { names: ['generated'], kinds: CHAT },
});

/** Two whole conversations with content in parts. */
export const llamaFactoryV1 = pairFormat({
  name: 'llama-factory-v1',
  summary: '{chosen_messages, rejected_messages}: whole conversations whose content is in parts {type, value}',
  sources: "LLaMA-Factory v1's pair converter",
  examples: each((asked, good, bad) => {
    const turn = (role: string, value: string) => ({ role, content: [{ type: 'text', value }] });
    return {
      chosen_messages: [turn('user', asked), turn('assistant', good)],
      rejected_messages: [turn('user', asked), turn('assistant', bad)],
    };
  }),
  chosen: { names: ['chosen_messages'], kinds: CHAT },
  rejected: { names: ['rejected_messages'], kinds: CHAT },
});

/** OpenAI's preference fine-tuning: input, preferred and non-preferred output. */
export const openAiPreference = pairFormat({
  name: 'openai-preference',
  summary: '{input: {messages, tools?}, preferred_output: [message], non_preferred_output: [message]}',
  sources: 'preference fine-tuning of OpenAI, Azure OpenAI, Together and Fireworks',
  examples: each((asked, good, bad) => ({
    input: { messages: [said('user', asked)], tools: [], parallel_tool_calls: true },
    preferred_output: [said('assistant', good)],
    non_preferred_output: [said('assistant', bad)],
  })),
  prompt: { names: ['input.messages', 'messages'], kinds: CHAT },
  chosen: { names: ['preferred_output'], kinds: ANSWER },
  rejected: { names: ['non_preferred_output'], kinds: ANSWER },
});

/** A conversation that ends with the better answer, and the worse one beside it. */
export const msSwift = pairFormat({
  name: 'ms-swift',
  summary: '{messages, rejected_response}: a conversation that ends with the good answer, and the bad one beside it',
  sources: "ms-swift's DPO format, with rejected_response or rejected_messages; OpenPipe's rejected_message",
  examples: each((asked, good, bad) => ({
    messages: [said('user', asked), said('assistant', good)],
    rejected_response: bad,
  })),
  chosen: { names: ['messages'], kinds: ['messages'] },
  rejected: { names: ['rejected_response', 'rejected_messages', 'rejected_message', 'rejected'], kinds: ANSWER },
  refuses: (shape, { chosen }) => {
    if (has(shape, 'chosen')) return 'chosen: is a column of its own';
    const last = Array.isArray(chosen.sample) ? (chosen.sample.at(-1) as unknown) : undefined;
    const role =
      (last as { role?: unknown; from?: unknown } | undefined)?.role ?? (last as { from?: unknown } | undefined)?.from;
    return role === 'user' || role === 'human' ? `${chosen.path}: ends with a question, not with an answer` : undefined;
  },
});
