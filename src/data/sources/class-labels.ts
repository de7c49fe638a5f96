/**
 * Labels that the `datasets` library keeps as numbers, with their names in the file's metadata. The numbers alone say
 * nothing, or the opposite: of the names `chosen, rejected` the chosen one is 0.
 */
import { isList, isRow, isText, type Row } from '../fields.js';

/** Puts names in the place of numbers. */
type Naming = (value: unknown) => unknown;

/** Deeper features are nothing that labels lie in. */
const MAX_DEPTH = 20;

/**
 * What gives the rows of a file the names of their labels; `undefined` where it has none.
 * @param metadata The text under the key `huggingface`, where the file has one.
 */
export function classLabels(metadata: unknown): ((row: Row) => Row) | undefined {
  const naming = isText(metadata) ? structNaming(featuresIn(metadata), 0) : undefined;
  return naming as ((row: Row) => Row) | undefined;
}

function featuresIn(metadata: string): unknown {
  try {
    const parsed: unknown = JSON.parse(metadata);
    const info = isRow(parsed) ? parsed['info'] : undefined;
    return isRow(info) ? info['features'] : undefined;
  } catch {
    return undefined;
  }
}

/** Of one feature: a label, a list of features, or a struct of them. */
function namingOf(feature: unknown, depth: number): Naming | undefined {
  if (depth > MAX_DEPTH) return undefined;
  if (isList(feature)) return listNaming(feature[0], depth);
  if (!isRow(feature)) return undefined;
  const { _type: type, names, feature: inside } = feature;
  if (type === 'ClassLabel' && isList(names)) return (value) => nameOf(value, names);
  return isText(type) ? listNaming(inside, depth) : structNaming(feature, depth);
}

function nameOf(value: unknown, names: readonly unknown[]): unknown {
  if (typeof value !== 'number' && typeof value !== 'bigint') return value;
  return Number(value) === -1 ? null : (names[Number(value)] ?? value);
}

/** A list of structs may be kept as a struct of lists. */
function listNaming(inside: unknown, depth: number): Naming | undefined {
  const each = namingOf(inside, depth + 1);
  const turned =
    isRow(inside) && !isText(inside['_type'])
      ? structNaming(Object.fromEntries(Object.entries(inside).map(([key, feature]) => [key, [feature]])), depth + 1)
      : undefined;
  if (each === undefined && turned === undefined) return undefined;
  return (value) =>
    isList(value) ? value.map((entry) => (each === undefined ? entry : each(entry))) : (turned?.(value) ?? value);
}

function structNaming(features: unknown, depth: number): Naming | undefined {
  if (!isRow(features) || depth > MAX_DEPTH) return undefined;
  const named = Object.entries(features).flatMap(([key, feature]) => {
    const naming = namingOf(feature, depth + 1);
    return naming === undefined ? [] : [[key, naming] as const];
  });
  if (named.length === 0) return undefined;
  return (value) => {
    if (!isRow(value)) return value;
    const row = { ...value };
    for (const [key, naming] of named) if (key in row) row[key] = naming(row[key]);
    return row;
  };
}
