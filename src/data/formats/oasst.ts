/** OpenAssistant's conversation trees: messages one per row, or whole trees; answers to the same message are ranked from 0. */
import { describeValue } from '../../core/describe-value.js';
import { isList, isRow, isText, numberOf, type Row } from '../fields.js';
import type { PairDraft } from '../make-pair.js';
import { assistant, user } from '../messages.js';
import type { ChatMessage } from '../pair.js';
import type { ScoredAnswer } from '../pairing.js';
import { RowProblem } from '../row-problem.js';
import type { RowAt } from '../sources/source.js';
import { createFinder } from './finder.js';
import type { Format, FormatContext } from './format.js';
import { isVoid } from '../void-marks.js';
import { pairsOfAnswers } from './pair-row.js';

const turn = (role: string, text: string): ChatMessage => (role === 'assistant' ? assistant(text) : user(text));
const message = (message_id: string, parent_id: string | null, role: string, text: string, rank: number | null) => ({
  message_id,
  parent_id,
  role,
  text,
  rank,
});

/** One message a row; trees are put together when all rows are read. */
export const oasstMessages: Format = {
  name: 'oasst-messages',
  gathers: true,
  summary: '{message_id, parent_id, role: prompter | assistant, text, rank}: one message per row; rank 0 is best',
  sources: 'OpenAssistant/oasst1 and oasst2 (messages)',
  examples: [
    message('1', null, 'prompter', 'What do bees make?', null),
    message('2', '1', 'assistant', 'Silk.', 1),
    message('3', '1', 'assistant', 'Honey and wax.', 0),
  ],
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const names = ['message_id', 'parent_id', 'role', 'text', 'rank'];
    const missing = names.find((name) => !shape.columns.some((column) => column.name === name));
    if (missing !== undefined) return finder.refuse(`${missing}: missing`);
    for (const name of names) finder.aside(name);
    return {
      roles: { prompt: 'text of role prompter', answer: 'text of role assistant', rank: 'rank' },
      used: finder.used(),
      note: 'answers to the same message are gathered over the whole file; rank 0 is best',
      read(row: Row, at: RowAt) {
        const { message_id: id, parent_id: parent, role, text, rank } = row as Record<string, unknown>;
        for (const [name, value] of [
          ['message_id', id],
          ['role', role],
          ['text', text],
        ] as const)
          if (!isText(value)) throw new RowProblem(`${name}: expected text, got ${describeValue(value)}`);
        context.gathered.message(
          {
            id: id as string,
            parent: isText(parent) && parent !== '' ? parent : undefined,
            role: role as string,
            text: text as string,
            rank: rank === null || rank === undefined || rank === '' ? undefined : numberOf(rank, 'rank'),
          },
          at,
        );
        return [];
      },
    };
  },
};

/** A whole tree a row. */
export const oasstTrees: Format = {
  name: 'oasst-trees',
  summary: '{prompt: {text, role, replies: [{text, rank, replies}]}}: a whole tree per row; rank 0 is best',
  sources: 'OpenAssistant/oasst1 and oasst2 (trees)',
  examples: ['What do bees make?', 'What do wasps make?', 'What do ants make?'].map((text, index) => ({
    message_tree_id: String(index),
    prompt: {
      text,
      role: 'prompter',
      replies: [
        { text: 'Nothing.', role: 'assistant', rank: 1, replies: [] },
        { text: 'Homes, among other things.', role: 'assistant', rank: 0, replies: [] },
      ],
    },
  })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const root = finder.aside('prompt');
    if (root === undefined || !isRow(root.sample) || !isList(root.sample['replies']))
      return finder.refuse('prompt: expected a message with replies');
    return {
      roles: { prompt: root.path, answers: `${root.path}.replies` },
      used: finder.used(),
      note: 'every message with ranked replies gives pairs; rank 0 is best',
      read: (row: Row) => treePairs(row[root.path], [], context),
    };
  },
};

function treePairs(node: unknown, before: readonly ChatMessage[], context: FormatContext): PairDraft[] {
  if (!isRow(node) || !isText(node['text']))
    throw new RowProblem(`prompt: expected a message {text, replies}, got ${describeValue(node)}`);
  const prompt = [...before, turn(String(node['role']), node['text'])];
  const replies = isList(node['replies']) ? node['replies'].filter(isRow).filter(isInUse) : [];
  const deeper = replies.flatMap((reply) => treePairs(reply, prompt, context));
  if (node['role'] === 'assistant') return deeper;
  const answers = rankedAnswers(replies);
  return answers.length < 2 ? deeper : [...pairsOfAnswers({ plain: false, prompt, answers }, context), ...deeper];
}

const isInUse = (reply: Row): boolean => !isVoid('deleted', reply['deleted']);

function rankedAnswers(replies: readonly Row[]): ScoredAnswer[] {
  return replies.flatMap((reply) => {
    if (!isText(reply['text']) || reply['rank'] === null || reply['rank'] === undefined) return [];
    const rank = numberOf(reply['rank'], 'rank');
    return [{ messages: [assistant(reply['text'])], score: -rank, shown: `rank ${rank}` }];
  });
}
