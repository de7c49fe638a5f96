/** Label Studio's exports of pairwise comparisons: JSON with annotations, and the short JSON and CSV with a column per label. */
import { describeValue } from '../../core/describe-value.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { plainName } from '../names.js';
import { namesVerdict } from '../concern-words.js';
import { RowProblem } from '../row-problem.js';
import type { Winner } from '../verdict/sides.js';
import { abReading } from './ab-columns.js';
import type { Decide } from './decide.js';
import { answerPairs } from './any-ab.js';
import { each } from './examples.js';
import { createFinder } from './finder.js';
import type { Format } from './format.js';
import { takePromptParts } from './prompt-parts.js';
import { PROMPT_NAMES } from './vocabulary.js';

/** The long JSON export, with every annotator's selection. */
export const labelStudio: Format = {
  name: 'label-studio',
  summary:
    '{data: {prompt, answer1, answer2}, annotations: [{result: [{value: {selected: left | right}}]}]}: what most annotators selected',
  sources: "Label Studio's JSON export of Pairwise and Choices",
  examples: each((prompt, good, bad, index) => ({
    id: index,
    data: { prompt, answer1: index % 2 === 0 ? good : bad, answer2: index % 2 === 0 ? bad : good },
    annotations: [
      { was_cancelled: false, result: [{ type: 'pairwise', value: { selected: index % 2 === 0 ? 'left' : 'right' } }] },
    ],
  })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const annotations = finder.aside('annotations');
    if (annotations === undefined || !isList(annotations.sample))
      return finder.refuse('annotations: missing; expected a list');
    const fields = shape.columns.filter(({ keys }) => keys.length === 2 && keys[0] === 'data');
    const [answers, ...more] = answerPairs({ ...shape, columns: fields });
    if (answers === undefined || more.length > 0)
      return finder.refuse('data: expected two answers, such as answer1 and answer2');
    finder.use('a', answers.a);
    finder.use('b', answers.b);
    const asked = finder.need(
      'prompt',
      ['prompt', ...PROMPT_NAMES.map((name) => `data.${name}`)],
      ['text', 'messages'],
    );
    if (asked === undefined) return finder.mismatch() ?? finder.refuse('');
    const names = [answers.a.keys.at(-1) ?? '', answers.b.keys.at(-1) ?? ''] as const;
    const decide: Decide = (row) => {
      const sides = selectedSides(row['annotations'], names);
      const [a, b] = [sides.filter((side) => side === 'a').length, sides.filter((side) => side === 'b').length];
      const side = a === b ? 'tie' : a > b ? 'a' : 'b';
      return { side, why: `annotations: ${a} for ${names[0]}, ${b} for ${names[1]}` };
    };
    const reading = abReading(
      finder,
      { ...takePromptParts(finder, asked, context), a: answers.a, b: answers.b },
      decide,
      context,
    );
    const used = new Set([...reading.used, 'data', 'annotations', 'predictions', 'meta', 'drafts']);
    return { ...reading, used };
  },
};

/** @throws RowProblem if nobody has selected anything. */
function selectedSides(annotations: unknown, names: readonly [string, string]): Winner[] {
  const sides = (isList(annotations) ? annotations : [])
    .filter((annotation): annotation is Row => isRow(annotation) && annotation['was_cancelled'] !== true)
    .flatMap(({ result }) => (isList(result) ? result.filter(isRow) : []))
    .flatMap(({ value }) => {
      if (!isRow(value)) return [];
      const choices = isList(value['choices']) ? value['choices'] : [];
      const selected = value['selected'] ?? (choices.length === 1 ? choices[0] : undefined);
      return selected === undefined ? [] : [sideOf(selected, names)];
    });
  if (sides.length === 0) throw new RowProblem('annotations: nothing is selected in any of them');
  return sides;
}

function sideOf(selected: unknown, [a, b]: readonly [string, string]): Winner {
  const plain = isText(selected) ? plainName(selected) : '';
  if (plain === 'left' || plain === plainName(a)) return 'a';
  if (plain === 'right' || plain === plainName(b)) return 'b';
  if (['tie', 'equal', 'both', 'none'].includes(plain)) return 'tie';
  throw new RowProblem(`annotations: expected left, right, ${a} or ${b}, got ${describeValue(selected)}`);
}

/** The short exports: the selected side in a column of its own. */
export const labelStudioMin: Format = {
  name: 'label-studio-min',
  summary: '{prompt, answer1, answer2, comparison: left | right}: one row per annotation',
  sources: "Label Studio's JSON-MIN and CSV exports",
  examples: each((prompt, good, bad, index) => ({
    prompt,
    answer1: index % 2 === 0 ? good : bad,
    answer2: index % 2 === 0 ? bad : good,
    comparison: index % 2 === 0 ? 'left' : 'right',
    annotator: 1,
  })),
  match(shape, context, strict) {
    const finder = createFinder(shape, context, strict);
    const verdict = shape.columns.find(
      ({ keys, kind, sample }) =>
        keys.length === 1 && (isSide(sample) || (kind === 'object' && isRow(sample) && isSide(sample['selected']))),
    );
    const [answers, ...more] = answerPairs({
      ...shape,
      columns: shape.columns.filter(({ keys }) => keys.length === 1),
    });
    if (verdict === undefined) return finder.refuse('comparison: missing; expected left or right');
    const other = shape.columns.find(
      (column) =>
        column !== verdict && ['text', 'number', 'boolean'].includes(column.kind) && namesVerdict(column.path),
    );
    if (other !== undefined && !namesVerdict(verdict.path))
      return finder.refuse(`${verdict.path} and ${other.path}: may both be the verdict`);
    if (answers === undefined || more.length > 0)
      return finder.refuse('two answers: expected columns such as answer1 and answer2');
    finder.use('a', answers.a);
    finder.use('b', answers.b);
    finder.use('verdict', verdict);
    const asked = finder.need('prompt', ['prompt', ...PROMPT_NAMES], ['text', 'messages']);
    if (asked === undefined) return finder.mismatch() ?? finder.refuse('');
    const decide = (row: Row) => {
      const value = row[verdict.path];
      const selected = isRow(value) ? value['selected'] : value;
      return { side: sideOf(selected, [answers.a.path, answers.b.path]), why: `${verdict.path}: ${String(selected)}` };
    };
    return abReading(
      finder,
      { ...takePromptParts(finder, asked, context), a: answers.a, b: answers.b },
      decide,
      context,
    );
  },
};

const isSide = (value: unknown): boolean => value === 'left' || value === 'right';
