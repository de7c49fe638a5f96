/** Text to toy tokens: two tokenizers (pieces of one or two characters), a small chat template, the truncation rules. */
import type { Message, PairText, RowFacts, TokenRule } from '../backend.js';
import { END_TOKEN, TOPICS, seedOf, type ToySequence } from './toy-model.js';

/** Jinja text that stands for what toys do with messages; only its hash is used. */
export const TOY_TEMPLATE = "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}[assistant]";
const LETTERS = 'abcdefghijklmnopqrstuvwxyz ';

/** How a toy cuts text; {@link ToyTokenizer.pieceLength} differs between toys as tokenizers differ between models. */
export interface ToyTokenizer {
  readonly pieceLength: 1 | 2;
}

/** A pair ready to score, and the facts that are reported about it. */
export interface ToyRow {
  readonly facts: RowFacts;
  readonly chosen: ToySequence;
  readonly rejected: ToySequence;
}

interface Side {
  readonly prompt: readonly string[];
  readonly response: readonly string[];
}

/** Tokenises one pair under a rule. */
export function encodePair(pair: PairText, rule: TokenRule, tokenizer: ToyTokenizer): ToyRow {
  const text = {
    prompt: renderPrompt(pair, rule),
    chosen: contentOf(scoredTurns(pair.chosen, rule)),
    rejected: contentOf(scoredTurns(pair.rejected, rule)),
  };
  const prompt = cut(text.prompt, tokenizer);
  const whole = { chosen: [...cut(text.chosen, tokenizer), ''], rejected: [...cut(text.rejected, tokenizer), ''] };
  const kept = {
    chosen: truncate({ prompt, response: whole.chosen }, rule),
    rejected: truncate({ prompt, response: whole.rejected }, rule),
  };
  const shownPrompt = kept.chosen?.prompt ?? prompt;
  const chosen = kept.chosen?.response ?? whole.chosen;
  const rejected = kept.rejected?.response ?? whole.rejected;
  return {
    facts: {
      promptTokens: shownPrompt.length,
      chosenTokens: chosen.length,
      rejectedTokens: rejected.length,
      contextTokens: 0,
      truncatedPrompt: shownPrompt.length < prompt.length,
      truncatedChosen: chosen.length < whole.chosen.length,
      truncatedRejected: rejected.length < whole.rejected.length,
      boundarySplit: tokenizer.pieceLength === 2 && [...text.prompt].length % 2 === 1,
      unusable: unusableReason(text, kept.chosen === undefined || kept.rejected === undefined),
      ...(rule.returnTokens === true
        ? { rendered: text, pieces: { prompt: shownPrompt, chosen, rejected } }
        : undefined),
    },
    chosen: sequenceOf(kept.chosen?.prompt ?? prompt, chosen),
    rejected: sequenceOf(kept.rejected?.prompt ?? prompt, rejected),
  };
}

/** The prompt of a generation as the context of an empty response. */
export function encodePrompt(messages: readonly Message[], plain: boolean, tokenizer: ToyTokenizer): ToySequence {
  const text = plain ? contentOf(messages) : `${messages.map((m) => `[${m.role}]${textOf(m)}`).join('')}[assistant]`;
  return sequenceOf(cut(text, tokenizer), []);
}

/** Letters for generated tokens; the end token has none. */
export function decodeTokens(tokens: readonly number[]): string {
  return tokens.map((token) => LETTERS[token] ?? '').join('');
}

function renderPrompt(pair: PairText, rule: TokenRule): string {
  if (rule.template === 'paper') return `Human: ${contentOf(pair.prompt)}\nAssistant: `;
  if (pair.plain) return contentOf(pair.prompt);
  return `${pair.prompt.map((m) => `[${m.role}]${textOf(m)}`).join('')}[assistant]`;
}

/** The toy has no context inside a response: turns that are not scored are not there. */
const scoredTurns = (response: readonly Message[], rule: TokenRule): readonly Message[] =>
  response.length === 1 || rule.scoreTurns === 'all' ? response : response.filter(({ role }) => role === 'assistant');

const contentOf = (messages: readonly Message[]): string => messages.map(textOf).join('\n');

/** The text of a message, and behind it whatever else a chat template would be given. */
const textOf = ({ content, extra }: Message): string =>
  extra === undefined ? content : `${content}${JSON.stringify(extra)}`;

function cut(text: string, tokenizer: ToyTokenizer): string[] {
  const characters = [...text];
  const pieces: string[] = [];
  for (let at = 0; at < characters.length; at += tokenizer.pieceLength) {
    pieces.push(characters.slice(at, at + tokenizer.pieceLength).join(''));
  }
  return pieces;
}

/** A single known letter is its own class, so that generated text reads back as the tokens it was made of. */
function tokenOf(piece: string): number {
  if (piece === '') return END_TOKEN;
  const letter = LETTERS.indexOf(piece.toLowerCase());
  return letter >= 0 && piece.length === 1 ? letter : seedOf(piece) % END_TOKEN;
}

function sequenceOf(prompt: readonly string[], response: readonly string[]): ToySequence {
  const last = prompt.at(-1);
  return {
    topic: seedOf(prompt.join('')) % TOPICS,
    previous: last === undefined ? END_TOKEN : tokenOf(last),
    tokens: response.map(tokenOf),
  };
}

function unusableReason(text: { chosen: string; rejected: string }, tooLong: boolean): string | undefined {
  if (text.chosen === '' || text.rejected === '') return 'empty_response';
  if (text.chosen === text.rejected) return 'identical';
  return tooLong ? 'too_long' : undefined;
}

/** One side under the rule; `undefined` = too long for it. */
function truncate({ prompt, response }: Side, rule: TokenRule): Side | undefined {
  const limit = rule.maxLength;
  const length = prompt.length + response.length;
  if (length <= limit) return { prompt, response };
  switch (rule.truncation) {
    case 'drop':
      return undefined;
    case 'keep_start':
      return prompt.length >= limit ? undefined : { prompt, response: response.slice(0, limit - prompt.length) };
    case 'keep_end_of_prompt':
      return response.length >= limit
        ? { prompt: prompt.slice(-1), response: response.slice(0, limit - 1) }
        : { prompt: prompt.slice(response.length - limit), response };
    case 'paper': {
      const promptShare = Math.floor((limit * prompt.length) / length);
      return { prompt: prompt.slice(0, promptShare), response: response.slice(0, limit - promptShare) };
    }
  }
}
