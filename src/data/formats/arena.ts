/** Battles of two models: LMSYS and LMArena's exports, and MT-bench's human judgments. */
import { describeValue } from '../../core/describe-value.js';
import { isList, isText, type Row } from '../fields.js';
import { RowProblem } from '../row-problem.js';
import { columnAt } from '../columns.js';
import { columnReader, type Column } from '../shape.js';
import { abReading } from './ab-columns.js';
import { abFormat } from './ab-format.js';
import { decideByMarks } from './decide.js';
import { each, said } from './examples.js';
import { createFinder } from './finder.js';
import { isReading, type Format } from './format.js';
import { takePromptParts } from './prompt-parts.js';
import { isMessageLike } from '../shape.js';

const battle = abFormat({
  name: 'chatbot-arena',
  summary: '{conversation_a, conversation_b, winner: model_a | model_b | tie, turn?}: up to the turn that was judged',
  sources: 'lmsys/chatbot_arena_conversations, lmarena-ai/arena-human-preference-140k, lmsys/mt_bench_human_judgments',
  examples: each((question, good, bad, index) => ({
    model_a: 'm1',
    model_b: 'm2',
    winner: index % 2 === 0 ? 'model_a' : 'model_b',
    conversation_a: [said('user', question), said('assistant', index % 2 === 0 ? good : bad)],
    conversation_b: [said('user', question), said('assistant', index % 2 === 0 ? bad : good)],
    turn: 1,
  })),
  a: 'conversation_a',
  b: 'conversation_b',
  kinds: ['messages'],
  markers: ['a', 'b'],
  verdict: 'winner',
  models: ['model_a', 'model_b'],
  asides: [
    'full_conversation',
    'judge',
    'language',
    'evaluation_session_id',
    'conv_metadata',
    'category_tag',
    'toxic_chat_tag',
    'openai_moderation',
  ],
});

/** Battles in LMSYS's exports, and MT-bench's judgments, which name the turn they are about. */
export const chatbotArena: Format = {
  ...battle,
  match(shape, context, strict) {
    const match = battle.match(shape, context, strict);
    const turn = columnAt(shape, 'turn');
    if (!isReading(match) || turn === undefined || turn.kind !== 'number') return match;
    const names = [match.roles['a'] ?? '', match.roles['b'] ?? ''];
    return { ...match, read: (row, at) => match.read(upToTurn(row, names, Number(columnReader(turn.keys)(row))), at) };
  },
};

/** MT-bench judges the first answer of conversations that go on; what follows was not judged. */
function upToTurn(row: Row, names: readonly string[], turn: number): Row {
  if (!(turn >= 1)) return row;
  const cut = (value: unknown): unknown => {
    if (!isList(value)) return value;
    let answers = 0;
    const end = value.findIndex(
      (message) => isMessageLike(message) && (message as Row)['role'] === 'assistant' && ++answers === turn,
    );
    return end < 0 ? value : value.slice(0, end + 1);
  };
  return { ...row, ...Object.fromEntries(names.map((name) => [name, cut(row[name])])) };
}

/** Kaggle's arena data: each turn is an entry of a list, written as JSON in a cell, and the winner is one of three marks. */
export const arena55k: Format = {
  name: 'arena-55k',
  summary:
    '{prompt, response_a, response_b: lists of turns, winner_model_a, winner_model_b, winner_tie}: 1 in one of them',
  sources: 'lmsys/arena-human-preference-55k (Kaggle)',
  examples: each((question, good, bad, index) => ({
    model_a: 'm1',
    model_b: 'm2',
    prompt: JSON.stringify([question]),
    response_a: JSON.stringify([index % 2 === 0 ? good : bad]),
    response_b: JSON.stringify([index % 2 === 0 ? bad : good]),
    winner_model_a: 1 - (index % 2),
    winner_model_b: index % 2,
    winner_tie: 0,
  })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const kinds = ['text', 'texts'] as const;
    const asked = finder.need('prompt', ['prompt'], kinds);
    const [a, b] = [finder.need('a', ['response_a', 'a'], kinds), finder.need('b', ['response_b', 'b'], kinds)];
    const marks = ['winner_model_a', 'winner_model_b', 'winner_tie'].map((name) => finder.aside(name)) as [
      Column?,
      Column?,
      Column?,
    ];
    const [markA, markB, tie] = marks;
    if (markA === undefined || markB === undefined || tie === undefined)
      finder.refuse('winner_model_a, winner_model_b, winner_tie: missing');
    if (
      finder.mismatch() !== undefined ||
      a === undefined ||
      b === undefined ||
      asked === undefined ||
      markA === undefined ||
      markB === undefined ||
      tie === undefined
    )
      return finder.mismatch() ?? finder.refuse('');
    for (const name of ['model_a', 'model_b']) finder.aside(name);
    const decide = decideByMarks({ a: markA, b: markB, tie });
    const reading = abReading(finder, { ...takePromptParts(finder, undefined, context), a, b }, decide, context);
    const [promptAt, aAt, bAt] = [columnReader(asked.keys), columnReader(a.keys), columnReader(b.keys)];
    return {
      ...reading,
      read(row, at) {
        const questions = turnsOf(promptAt(row), asked.path);
        const conversation = (value: unknown, where: string) => {
          const answers = turnsOf(value, where);
          if (answers.length !== questions.length)
            throw new RowProblem(
              `${where}: expected an answer to each of ${questions.length} prompts, got ${answers.length}`,
            );
          return questions.flatMap((question, index) => [
            said('user', question),
            said('assistant', answers[index] ?? ''),
          ]);
        };
        return reading.read(
          { ...row, [a.path]: conversation(aAt(row), a.path), [b.path]: conversation(bAt(row), b.path) },
          at,
        );
      },
    };
  },
};

/** Texts in a list, or in a cell that spells a list; any other text is one turn. */
function turnsOf(value: unknown, where: string): string[] {
  let list = value;
  if (isText(value) && value.trimStart().startsWith('[')) {
    try {
      list = JSON.parse(value) as unknown;
    } catch {
      list = [value];
    }
  } else if (isText(value)) list = [value];
  if (isList(list) && list.every((turn) => isText(turn) || turn === null)) return list.map((turn) => turn ?? '');
  throw new RowProblem(`${where}: expected a list of texts, got ${describeValue(value)}`);
}
