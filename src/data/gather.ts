/** Answers to one prompt from many rows, and trees of messages: kept until the file is read, then paired. */
import { assistant, user } from './messages.js';
import type { PairDraft } from './make-pair.js';
import type { ChatMessage } from './pair.js';
import type { ScoredAnswer, ScoredAnswers } from './pairing.js';
import { RowProblem } from './row-problem.js';
import type { RowAt } from './sources/source.js';
import type { Gathered, GatheredAnswer, TreeMessage } from './formats/format.js';

/** Something that may become pairs, with the row that its messages are named by. */
export interface GatheredGroup {
  readonly at: RowAt;
  /** @throws RowProblem if it gives none. */
  pairs(): readonly PairDraft[];
}

/** Collects answers row by row and gives them by prompt at the end. */
export interface Gatherer extends Gathered {
  /** All answers to each prompt. */
  groups(): Iterable<GatheredGroup>;
}

/** A gatherer without answers. @param pairUp pairs of the answers to one prompt, by the rule of the user. */
export function createGatherer(pairUp: (scored: ScoredAnswers) => readonly PairDraft[]): Gatherer {
  const answers = new Map<string, { at: RowAt; first: GatheredAnswer; list: GatheredAnswer[] }>();
  const messages = new Map<string, TreeMessage & { readonly at: RowAt }>();
  return {
    answer(answer, at) {
      const key = JSON.stringify([answer.prompt, answer.tools]);
      const group = answers.get(key);
      if (group === undefined) answers.set(key, { at, first: answer, list: [answer] });
      else group.list.push(answer);
    },
    message(message, at) {
      if (messages.has(message.id)) throw new RowProblem(`message_id: ${JSON.stringify(message.id)} is there twice`);
      messages.set(message.id, { ...message, at });
    },
    *groups() {
      for (const { at, first, list } of answers.values()) {
        const { prompt, tools } = first;
        yield {
          at,
          pairs: () => {
            if (list.length < 2) throw new RowProblem(UNPAIRED);
            return pairUp({ prompt, plain: false, answers: list, ...(tools !== undefined && { tools }) });
          },
        };
      }
      for (const [parent, replies] of repliesByParent(messages.values())) {
        const at = messages.get(parent)?.at ?? replies[0]?.at ?? { line: 0 };
        yield {
          at,
          pairs: () => pairUp({ prompt: pathTo(parent, messages), plain: false, answers: replies.map(scored) }),
        };
      }
    },
  };
}

const UNPAIRED = 'unpaired: the only answer to its prompt; a pair needs a better and a worse answer to the same prompt';

type KnownMessage = TreeMessage & { readonly at: RowAt };

function repliesByParent(messages: Iterable<KnownMessage>): Map<string, KnownMessage[]> {
  const replies = new Map<string, KnownMessage[]>();
  for (const message of messages) {
    if (message.role !== 'assistant' || message.parent === undefined || message.rank === undefined) continue;
    const siblings = replies.get(message.parent);
    if (siblings === undefined) replies.set(message.parent, [message]);
    else siblings.push(message);
  }
  return replies;
}

function scored({ text, rank }: TreeMessage): ScoredAnswer {
  return { messages: [assistant(text)], score: -(rank ?? 0), shown: `rank ${rank ?? 0}` };
}

function pathTo(id: string, messages: ReadonlyMap<string, TreeMessage>): ChatMessage[] {
  const path: ChatMessage[] = [];
  for (let next: string | undefined = id; next !== undefined;) {
    const message = messages.get(next);
    if (message === undefined || path.length > messages.size)
      throw new RowProblem(`parent_id: ${JSON.stringify(next)} is not in the file`);
    path.push(message.role === 'assistant' ? assistant(message.text) : user(message.text));
    next = message.parent;
  }
  return path.reverse();
}
