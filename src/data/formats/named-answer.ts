import { isText, type Row } from '../fields.js';
import { plainName } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { columnReader, type Column, type RowShape } from '../shape.js';
import { createVerdictReader, type Winner, type VerdictReader } from '../verdict/sides.js';
import { answerPairs } from './any-ab.js';
import { each } from './examples.js';
import { createFinder } from './finder.js';
import type { Format } from './format.js';
import { createPairReader } from './pair-columns.js';
import { takePromptParts } from './prompt-parts.js';
import { ANSWER, CHAT_PROMPT_NAMES, PROMPT_NAMES } from './vocabulary.js';

/** `chosen` and `rejected` hold the names of the columns where the answers stand: `response_a`, `A`, or a model's name. */
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
    const chosen = finder.need('chosen', ['chosen', 'winner', 'preferred', 'better', 'best'], ['text']);
    const rejected = finder.need('rejected', ['rejected', 'loser', 'dispreferred', 'worse', 'worst'], ['text']);
    const asked =
      finder.take('prompt', ['prompt', ...PROMPT_NAMES], ['text']) ??
      finder.need('prompt', ['prompt', ...CHAT_PROMPT_NAMES], ['text', 'messages']);
    if (chosen === undefined || rejected === undefined || asked === undefined)
      return finder.mismatch() ?? finder.refuse('');
    const [chosenAt, rejectedAt] = [columnReader(chosen.keys), columnReader(rejected.keys)];
    const named = namedColumns(shape, chosen, rejected);
    if (named(shape.row, chosen.sample, rejected.sample) === undefined)
      return finder.refuse('chosen, rejected: name no columns that hold answers');
    const parts = takePromptParts(finder, asked, context);
    const used = finder.used();
    for (const { path } of answersThatMayBeNamed(shape, chosen, rejected)) used.add(path);
    return {
      roles: finder.roles(),
      used,
      read(row: Row) {
        const [good, bad] = [chosenAt(row), rejectedAt(row)];
        const columns = named(row, good, bad);
        if (columns === undefined)
          throw new RowProblem(
            `${chosen.path}, ${rejected.path}: name no two columns that hold answers, got ${JSON.stringify(good)} and ${JSON.stringify(bad)}`,
          );
        const read = createPairReader({ ...parts, ...columns }, context, { plain: false });
        return read(row).map((draft) => ({ ...draft, decided: `${chosen.path}: ${String(good)}` }));
      },
    };
  },
};

interface Named {
  readonly chosen: Column;
  readonly rejected: Column;
}

/** The columns that two texts name, where both do: by their names, or as `A` and `B` of the one pair of answers there is. */
function namedColumns(
  shape: RowShape,
  chosen: Column,
  rejected: Column,
): (row: Row, good: unknown, bad: unknown) => Named | undefined {
  const pair = solePair(shape, chosen, rejected);
  const read = [chosen, rejected].map(({ path }) =>
    pair === undefined
      ? undefined
      : createVerdictReader(path, { a: pair.a.path, b: pair.b.path, markers: pair.markers }, [], undefined),
  );
  return (row, good, bad) => {
    const [own, other] = [columnOf(shape, good), columnOf(shape, bad)];
    if (own !== undefined && other !== undefined && own !== other) return { chosen: own, rejected: other };
    // Both point at the better one: what `rejected` holds is turned round.
    const sides = [good, bad].map((value, index) => sideOf(read[index], value, row));
    const [side] = sides;
    if (pair === undefined || side === undefined || side === 'tie' || sides[1] !== side) return undefined;
    return side === 'a' ? { chosen: pair.a, rejected: pair.b } : { chosen: pair.b, rejected: pair.a };
  };
}

function solePair(shape: RowShape, chosen: Column, rejected: Column) {
  const columns = shape.columns.filter((column) => column !== chosen && column !== rejected);
  const pairs = answerPairs({ ...shape, columns });
  return pairs.length === 1 ? pairs[0] : undefined;
}

function sideOf(read: VerdictReader | string | undefined, value: unknown, row: Row): Winner | undefined {
  if (typeof read !== 'function' || !isText(value) || value.length >= LONGEST_NAME) return undefined;
  try {
    return read(value, row);
  } catch (error) {
    if (error instanceof RowProblem) return undefined;
    throw error;
  }
}

const LONGEST_NAME = 100;

const columnOf = (shape: RowShape, name: unknown): Column | undefined =>
  shape.columns.find(
    ({ path, kind, keys }) =>
      keys.length === 1 &&
      ANSWER.includes(kind) &&
      isText(name) &&
      name.length < LONGEST_NAME &&
      plainName(name) === plainName(path),
  );

function answersThatMayBeNamed(shape: RowShape, chosen: Column, rejected: Column): readonly Column[] {
  const pair = solePair(shape, chosen, rejected);
  const named = [columnOf(shape, chosen.sample), columnOf(shape, rejected.sample)];
  return [...named, pair?.a, pair?.b].filter((column) => column !== undefined);
}
