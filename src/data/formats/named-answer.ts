import { isText, type Row } from '../fields.js';
import { plainName } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { columnReader, type RowShape } from '../shape.js';
import { each } from './examples.js';
import { createFinder } from './finder.js';
import type { Format } from './format.js';
import { createPairReader } from './pair-columns.js';
import { takePromptParts } from './prompt-parts.js';
import { ANSWER, CHAT_PROMPT_NAMES, PROMPT_NAMES } from './vocabulary.js';

/** `chosen` and `rejected` hold the names of the columns where the answers stand: `response_a`, or a model's name. */
export const namedAnswer: Format = {
  name: 'named-answer',
  summary: '{prompt, chosen, rejected}: chosen and rejected name the columns that hold the answers',
  sources: 'judge outputs with response_a and response_b, or with a column per model',
  examples: each((prompt, good, bad, index) => ({
    prompt,
    response_a: index % 2 === 0 ? good : bad,
    response_b: index % 2 === 0 ? bad : good,
    chosen: index % 2 === 0 ? 'response_a' : 'response_b',
    rejected: index % 2 === 0 ? 'response_b' : 'response_a',
  })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const chosen = finder.need('chosen', ['chosen', 'winner', 'preferred'], ['text']);
    const rejected = finder.need('rejected', ['rejected', 'loser'], ['text']);
    const asked =
      finder.take('prompt', ['prompt', ...PROMPT_NAMES], ['text']) ??
      finder.need('prompt', ['prompt', ...CHAT_PROMPT_NAMES], ['text', 'messages']);
    if (chosen === undefined || rejected === undefined || asked === undefined)
      return finder.mismatch() ?? finder.refuse('');
    if (namesColumns(shape, chosen.sample, rejected.sample) === undefined)
      return finder.refuse('chosen, rejected: name no columns that hold answers');
    const parts = takePromptParts(finder, asked, context);
    const answers = shape.columns.filter(({ kind, keys }) => ANSWER.includes(kind) && keys.length === 1);
    const used = finder.used();
    for (const { path } of answers)
      if ([chosen.sample, rejected.sample].some((name) => sameName(name, path))) used.add(path);
    const [chosenAt, rejectedAt] = [columnReader(chosen.keys), columnReader(rejected.keys)];
    return {
      roles: finder.roles(),
      used,
      read(row: Row) {
        const [good, bad] = [chosenAt(row), rejectedAt(row)];
        const columns = namesColumns(shape, good, bad);
        if (columns === undefined)
          throw new RowProblem(
            `chosen, rejected: name no two columns that hold answers, got ${JSON.stringify(good)} and ${JSON.stringify(bad)}`,
          );
        const read = createPairReader({ ...parts, chosen: columns.chosen, rejected: columns.rejected }, context, {
          plain: false,
        });
        return read(row).map((draft) => ({ ...draft, decided: `${chosen.path}: ${String(good)}` }));
      },
    };
  },
};

const sameName = (value: unknown, path: string): boolean =>
  isText(value) && value.length < 100 && plainName(value) === plainName(path);

/** The columns that two texts name, where both do. */
export function namesColumns(shape: RowShape, chosen: unknown, rejected: unknown) {
  const find = (value: unknown) =>
    shape.columns.find(({ path, kind, keys }) => keys.length === 1 && ANSWER.includes(kind) && sameName(value, path));
  const [good, bad] = [find(chosen), find(rejected)];
  return good === undefined || bad === undefined || good === bad ? undefined : { chosen: good, rejected: bad };
}
