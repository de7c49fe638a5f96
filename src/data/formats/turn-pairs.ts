import { describeValue } from '../../core/describe-value.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { assistant, system, user } from '../messages.js';
import type { ChatMessage } from '../pair.js';
import { RowProblem } from '../row-problem.js';
import { columnReader, type Column } from '../shape.js';
import { each } from './examples.js';
import { createFinder } from './finder.js';
import type { Format } from './format.js';
import { pairReading } from './pair-columns.js';
import { takePromptParts } from './prompt-parts.js';
import { CHAT_PROMPT_NAMES } from './vocabulary.js';

const ASKING = ['human', 'user', 'question', 'instruction', 'input'];
const ANSWERING = ['assistant', 'gpt', 'bot', 'answer', 'output', 'response'];

/** Conversations whose entries hold a question and its answer under the names of the speakers. */
export const turnPairs: Format = {
  name: 'turn-pairs',
  summary: '{chosen, rejected: [{human, assistant}, ...]}, or a conversation of such entries beside two answers',
  sources: 'BELLE, firefly, MOSS; exports that keep a question and its answer together',
  examples: each((question, good, bad) => ({
    chosen: [{ human: question, assistant: good }],
    rejected: [{ human: question, assistant: bad }],
  })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const kinds = strict ? (['objects', 'text'] as const) : (['objects'] as const);
    const chosen = finder.need('chosen', ['chosen'], kinds);
    const rejected = finder.need('rejected', ['rejected'], kinds);
    const asked = finder.take('prompt', ['prompt', ...CHAT_PROMPT_NAMES], ['objects']);
    if (chosen === undefined || rejected === undefined) return finder.mismatch() ?? finder.refuse('');
    const lists = [asked, chosen, rejected].filter((column) => column?.kind === 'objects') as Column[];
    const [first] = lists;
    if (first === undefined || !lists.every(({ sample }) => isList(sample) && sample.every(isTurn)))
      return finder.refuse(`${(first ?? chosen).path}: no list of {human, assistant}`);
    const parts = takePromptParts(finder, asked, context);
    const reading = pairReading(finder, { ...parts, chosen, rejected }, context, { plain: false });
    const readers = lists.map(({ path, keys }) => ({ path, at: columnReader(keys) }));
    return {
      ...reading,
      read: (row: Row, place) =>
        reading.read(
          { ...row, ...Object.fromEntries(readers.map(({ path, at }) => [path, turnsOf(at(row), path)])) },
          place,
        ),
    };
  },
};

const keyOf = (turn: Row, keys: readonly string[]): string | undefined => keys.find((key) => isText(turn[key]));

const isTurn = (turn: unknown): boolean =>
  isRow(turn) &&
  Object.keys(turn).every((key) => [...ASKING, ...ANSWERING, 'system'].includes(key)) &&
  (keyOf(turn, ASKING) !== undefined || keyOf(turn, ANSWERING) !== undefined);

/** A last answer that is empty is still to be given. @throws RowProblem for an entry with anything else in it. */
function turnsOf(value: unknown, where: string): ChatMessage[] {
  if (!isList(value))
    throw new RowProblem(`${where}: expected a list of {human, assistant}, got ${describeValue(value)}`);
  return value.flatMap((turn, index) => {
    if (!isRow(turn) || !isTurn(turn))
      throw new RowProblem(`${where}[${index}]: expected {human, assistant}, got ${describeValue(turn)}`);
    const [asking, answering] = [keyOf(turn, ASKING), keyOf(turn, ANSWERING)].map((key) =>
      key === undefined ? '' : (turn[key] as string),
    );
    const before = isText(turn['system']) && turn['system'] !== '' ? [system(turn['system'])] : [];
    const isOpen = answering === '' && index === value.length - 1;
    return [
      ...before,
      ...(asking === '' ? [] : [user(asking ?? '')]),
      ...(isOpen || keyOf(turn, ANSWERING) === undefined ? [] : [assistant(answering ?? '')]),
    ];
  });
}
