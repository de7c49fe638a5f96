import { describeValue } from '../../core/describe-value.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { assistant, contentOf, messagesOf, withSystem } from '../messages.js';
import { RowProblem } from '../row-problem.js';
import { each } from './examples.js';
import { createFinder } from './finder.js';
import type { Format } from './format.js';
import { systemOf } from './prompt-parts.js';

/** Amazon Nova: the last message of a Bedrock conversation has candidates, each labelled preferred or non-preferred. */
export const nova: Format = {
  name: 'nova',
  summary:
    '{system?, messages: [..., {role: assistant, candidates: [{content, preferenceLabel}]}]}: preferred and non-preferred',
  sources: "Amazon Nova's DPO (bedrock-conversation-2024)",
  examples: each((question, good, bad) => ({
    schemaVersion: 'bedrock-conversation-2024',
    system: [{ text: 'Be brief.' }],
    messages: [
      { role: 'user', content: [{ text: question }] },
      {
        role: 'assistant',
        candidates: [
          { content: [{ text: good }], preferenceLabel: 'preferred' },
          { content: [{ text: bad }], preferenceLabel: 'non-preferred' },
        ],
      },
    ],
  })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const messages = finder.need('prompt', ['messages'], ['messages']);
    const system = finder.take('system', ['system'], ['objects', 'text']);
    finder.aside('schema_version');
    if (messages === undefined) return finder.mismatch() ?? finder.refuse('');
    if (!context.named && candidatesOf(messages.sample) === undefined)
      return finder.refuse('messages: the last one has no candidates');
    return {
      roles: finder.roles(),
      used: finder.used(),
      read(row: Row) {
        const list = row[messages.path];
        const candidates = candidatesOf(list);
        if (!isList(list) || candidates === undefined)
          throw new RowProblem(`messages: expected candidates in the last message, got ${describeValue(list)}`);
        const labelled = (label: string) =>
          candidates.filter((candidate) => isRow(candidate) && candidate['preferenceLabel'] === label) as Row[];
        const [good, bad] = [labelled('preferred'), labelled('non-preferred')];
        if (good.length === 0 || bad.length === 0)
          throw new RowProblem('messages: expected a candidate labelled preferred and one labelled non-preferred');
        const answer = (candidate: Row) => [assistant(contentOf(candidate['content'], 'candidates[].content'))];
        const prompt = withSystem(
          system === undefined ? '' : systemOf(row[system.path], system.path),
          messagesOf(list.slice(0, -1), 'messages', context),
        );
        return good.flatMap((one) =>
          bad.map((other) => ({
            plain: false,
            prompt,
            chosen: answer(one),
            rejected: answer(other),
            decided: 'preferenceLabel: preferred',
          })),
        );
      },
    };
  },
};

function candidatesOf(messages: unknown): readonly unknown[] | undefined {
  const last = isList(messages) ? messages.at(-1) : undefined;
  return isRow(last) && isList(last['candidates']) && isText(last['role']) ? last['candidates'] : undefined;
}
