/** Argilla's exports: a preference by several annotators, as a ranking or as the name of a field. */
import { describeValue } from '../../core/describe-value.js';
import { isList, isRow, isText, type Row } from '../fields.js';
import { plainName } from '../names.js';
import { RowProblem } from '../row-problem.js';
import { columnReader, type Column, type RowShape } from '../shape.js';
import { each } from './examples.js';
import { createFinder } from './finder.js';
import type { Format, FormatContext, Mismatch, Reading } from './format.js';
import { answerPairs } from './any-ab.js';
import { createPromptReader, takePromptParts, wholePrompt } from './prompt-parts.js';
import { assistant } from '../messages.js';
import { pairsOfAnswers } from './pair-row.js';
import { CHAT_PROMPT_NAMES, PROMPT_NAMES } from './vocabulary.js';

/** Places of answers by their names; 1 is best. */
type Ranking = ReadonlyMap<string, number>;

/** Argilla's data sets on the hub: a list of the annotators' rankings or choices. */
export const argilla: Format = {
  name: 'argilla',
  summary:
    '{prompt, response1, response2, preference: [{value, status}]}: rankings or choices of annotators, by their mean place',
  sources: 'Argilla 1 and 2, data sets pushed to the hub',
  examples: each((prompt, good, bad, index) => ({
    prompt,
    response1: index % 2 === 0 ? good : bad,
    response2: index % 2 === 0 ? bad : good,
    preference: [
      {
        user_id: 'u',
        value: { rank: index % 2 === 0 ? [1, 2] : [2, 1], value: ['response1', 'response2'] },
        status: 'submitted',
      },
    ],
  })),
  match: (shape, context, strict) =>
    argillaMatch(
      shape,
      context,
      strict,
      '',
      (column) =>
        ['preference', 'ranking', 'preference.responses', 'preference_responses'].includes(column.name) ||
        /^(?:preference|ranking)[_.]responses$/.test(column.name),
    ),
};

/** Argilla's records: fields and responses in objects of their own. */
export const argillaRecords: Format = {
  name: 'argilla-records',
  summary:
    '{fields: {prompt, response1, response2}, responses: {preference: [{value}]}}: choices or rankings of annotators',
  sources: 'Argilla 2 (records.to_json), Argilla 1 records',
  examples: each((instruction, good, bad, index) => ({
    status: 'completed',
    fields: { instruction, response1: index % 2 === 0 ? good : bad, response2: index % 2 === 0 ? bad : good },
    responses: { preference: [{ value: index % 2 === 0 ? 'response1' : 'response2', user_id: 'u' }] },
  })),
  match: (shape, context, strict) =>
    argillaMatch(shape, context, strict, 'fields.', ({ keys }) => keys.length === 2 && keys[0] === 'responses'),
};

function argillaMatch(
  shape: RowShape,
  context: FormatContext,
  strict: boolean,
  inside: string,
  isPreference: (column: Column) => boolean,
): Reading | Mismatch {
  const finder = createFinder(shape, context, strict);
  const depth = inside === '' ? 1 : 2;
  const preference = shape.columns.filter(
    (column) =>
      isPreference(column) && (column.kind === 'objects' || column.kind === 'texts' || column.kind === 'lists'),
  );
  const [column] = preference;
  if (column === undefined || preference.length > 1)
    return finder.refuse('preference: missing; expected a list of responses {value}');
  const fields = shape.columns.filter(({ keys, path }) => keys.length === depth && path.startsWith(inside));
  const answers = [...new Set(answerPairs({ ...shape, columns: fields }).flatMap(({ a, b }) => [a, b]))];
  if (answers.length < 2) return finder.refuse('two answers: no columns of texts such as response1 and response2');
  const asked =
    finder.take('prompt', ['prompt', ...PROMPT_NAMES.map((name) => inside + name)], ['text']) ??
    finder.need('prompt', ['prompt', ...CHAT_PROMPT_NAMES.map((name) => inside + name)], ['text', 'messages']);
  if (asked === undefined) return finder.mismatch() ?? finder.refuse('');
  finder.use('preference', column);
  for (const answer of answers) finder.use(`answer ${answer.path}`, answer);
  const used = finder.used();
  for (const other of ['metadata', 'suggestions', 'vectors', 'responses', 'fields']) if (inside !== '') used.add(other);
  for (const { path, name } of shape.columns)
    if (name.endsWith('suggestion') || name === 'status' || /responses[_.](?:users|status)$/.test(name)) used.add(path);
  const promptOf = createPromptReader(takePromptParts(finder, asked, context), context);
  const preferenceAt = columnReader(column.keys);
  // Every question has a list of its own, of its own length: those of another one say nothing of these responses.
  const status = shape.columns.find(({ name, kind }) => name === `${column.name}_status` && kind === 'texts');
  if (status !== undefined) used.add(status.path);
  const statusAt = status === undefined ? () => undefined : columnReader(status.keys);
  const readers = answers.map((answer) => ({
    name: answer.keys.at(-1) ?? '',
    path: answer.path,
    at: columnReader(answer.keys),
  }));
  return {
    roles: finder.roles(),
    used,
    read(row: Row) {
      const places = meanPlaces(
        submitted(preferenceAt(row), statusAt(row), status?.path ?? ''),
        readers.map(({ name }) => name),
        column.path,
      );
      const { tools, ...prompt } = promptOf(row);
      const scored = readers.map(({ name, path, at }) => {
        const text = at(row);
        if (!isText(text)) throw new RowProblem(`${path}: expected text, got ${describeValue(text)}`);
        const place = places.get(plainName(name));
        if (place === undefined) throw new RowProblem(`${column.path}: does not rank ${name}`);
        return { messages: [assistant(text)], score: -place, shown: `place ${place}` };
      });
      return pairsOfAnswers({ plain: false, prompt: wholePrompt({ ...prompt, tools }), answers: scored }, context);
    },
  };
}

/** Values whose statuses stand in a list beside them, without those that their annotators took back or never finished. */
function submitted(values: unknown, statuses: unknown, where: string): unknown {
  if (!isList(values) || !isList(statuses)) return values;
  if (statuses.length !== values.length)
    throw new RowProblem(`${where}: expected ${values.length} entries, one per response, got ${statuses.length}`);
  return values.filter((_, index) => !UNFINISHED.includes(String(statuses[index])));
}
const UNFINISHED = ['discarded', 'draft'];

/** The mean place of each answer over all submitted responses. @throws RowProblem if there are none. */
function meanPlaces(value: unknown, names: readonly string[], where: string): Ranking {
  const responses = (isList(value) ? value : []).filter(
    (response) => !(isRow(response) && UNFINISHED.includes(String(response['status']))),
  );
  if (responses.length === 0) throw new RowProblem(`${where}: holds no submitted response`);
  const rankings = responses.map((response, index) =>
    rankingOf(isRow(response) && 'value' in response ? response['value'] : response, names, `${where}[${index}]`),
  );
  const mean = new Map<string, number>();
  for (const name of names.map(plainName)) {
    const places = rankings.map((ranking) => ranking.get(name)).filter((place) => place !== undefined);
    if (places.length === rankings.length)
      mean.set(name, places.reduce((sum, place) => sum + place, 0) / places.length);
  }
  return mean;
}

/** A name (the best), a list of names (best first), `{rank, value}` lists, or `[{value, rank}]`. */
function rankingOf(value: unknown, names: readonly string[], where: string): Ranking {
  const known = new Set(names.map(plainName));
  const place = (name: unknown): string => {
    const plain = isText(name) ? plainName(name) : '';
    if (known.has(plain)) return plain;
    throw new RowProblem(`${where}: expected ${names.join(' or ')}, got ${describeValue(name)}`);
  };
  if (isText(value)) {
    if (/^(?:tie|both|equal|none|neither)/i.test(value)) return new Map(names.map((name) => [plainName(name), 1]));
    const best = place(value);
    return new Map(names.map((name) => [plainName(name), plainName(name) === best ? 1 : 2]));
  }
  if (isRow(value) && isList(value['value']) && isList(value['rank'])) {
    const ranks = value['rank'];
    return new Map(value['value'].map((name, index) => [place(name), placeNumber(ranks[index], where)]));
  }
  if (isList(value) && value.every(isRow))
    return new Map(value.map((entry) => [place(entry['value']), placeNumber(entry['rank'], where)]));
  if (isList(value)) return new Map(value.map((name, index) => [place(name), index + 1]));
  throw new RowProblem(`${where}: expected a ranking, got ${describeValue(value)}`);
}

function placeNumber(value: unknown, where: string): number {
  const number = Number(value);
  if (value !== null && Number.isFinite(number)) return number;
  throw new RowProblem(`${where}: expected a rank, got ${describeValue(value)}`);
}
