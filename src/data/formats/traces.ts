import { isList, isRow, type Row } from '../fields.js';
import { wordsOf } from '../names.js';
import { columnReader, isFilled, type Column, type RowShape } from '../shape.js';
import { goodnessOf, saysGoodness } from '../verdict/goodness.js';
import { lowerIsBetter } from './answer-scores.js';
import { answerReading } from './answers.js';
import { createFinder } from './finder.js';
import type { Format, FormatContext } from './format.js';

/** Calls of a model as tracing services export them: what went in, what came out, and what people said of it. */
export const traces: Format = {
  name: 'traces',
  gathers: true,
  scored: true,
  summary: '{inputs: {input}, outputs: {output}, feedback: {score}}: one answer per row, gathered by prompt',
  sources: 'runs and data sets of LangSmith; Langfuse with scores: [{name, value}]',
  flags: '--score NAME where several people or judges have scored the runs',
  examples: [
    { inputs: { input: 'What do bees make?' }, outputs: { output: 'Silk.' }, feedback: { score: 0 } },
    { inputs: { input: 'What do bees make?' }, outputs: { output: 'Honey and wax.' }, feedback: { score: 1 } },
    { input: 'What do bees make?', output: 'Honey.', scores: [{ name: 'thumbs', value: 0.5 }] },
  ],
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const asked = onlyText(shape, ['inputs', 'input']);
    const answer = onlyText(shape, ['outputs', 'output']);
    if (asked === undefined || answer === undefined)
      return finder.refuse('inputs, outputs: expected one text or list of messages in each');
    const [feedback, ...others] = feedbackOf(shape, context);
    if (feedback === undefined) return finder.refuse('feedback: missing; expected a number');
    if (others.length > 0)
      return finder.refuse(
        `${[feedback, ...others].map(({ name }) => name).join(' and ')} both score the answer; name the one that counts (--score ${feedback.name})`,
      );
    finder.use('prompt', asked);
    finder.use('answer', answer);
    finder.use('score', feedback.column);
    return answerReading(
      finder,
      asked,
      answer,
      (row) => {
        const value = feedback.at(row);
        const sign = lowerIsBetter(feedback.name, context) ? -1 : 1;
        return { score: sign * goodnessOf(value, feedback.name), shown: `${feedback.name} ${String(value)}` };
      },
      context,
    );
  },
};

/** The one text or conversation in a column or in the object of that name. */
function onlyText(shape: RowShape, names: readonly string[]): Column | undefined {
  const texts = shape.columns.filter(
    (column) =>
      names.includes(column.keys[0] ?? '') &&
      column.keys.length <= 2 &&
      isFilled(column) &&
      ['text', 'messages', 'message'].includes(column.kind),
  );
  return texts.length === 1 ? texts[0] : undefined;
}

interface Feedback {
  readonly name: string;
  readonly column: Column;
  at(row: Row): unknown;
}

/** What scores the run: a value in an object called feedback, the mean of such values, or an entry of a list of scores. */
function feedbackOf(shape: RowShape, { score }: FormatContext): readonly Feedback[] {
  const isWanted = (name: string): boolean => score === undefined || wordsOf(name).join() === wordsOf(score).join();
  return shape.columns.flatMap((column): Feedback[] => {
    const { keys, sample } = column;
    if (!FEEDBACK.has(keys[0] ?? '')) return [];
    if (keys.length === 1 && isList(sample))
      return sample
        .filter(isRow)
        .filter((entry) => saysGoodness(entry['value']))
        .map((entry) => String(entry['name'] ?? entry['key']))
        .filter(isWanted)
        .map((name) => ({ name, column, at: (row) => entryOf(columnReader(keys)(row), name) }));
    const last = keys.at(-1) ?? '';
    const name = last === 'avg' ? (keys.at(-2) ?? '') : last;
    if (keys.length < 2 || COUNTS.has(last) || !saysGoodness(sample) || !isWanted(name)) return [];
    return [{ name, column, at: columnReader(keys) }];
  });
}
const FEEDBACK = new Set(['feedback', 'feedback_stats', 'scores']);
const COUNTS = new Set(['n', 'stdev', 'count']);

const entryOf = (list: unknown, name: string): unknown =>
  isList(list)
    ? list.filter(isRow).find((entry) => String(entry['name'] ?? entry['key']) === name)?.['value']
    : undefined;
