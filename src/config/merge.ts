/** Layers of settings laid over each other: objects merge key by key, everything else is replaced. */
import type { ConfigPath } from './path.js';

/** An object of a configuration that has not been checked yet. */
export type Settings = Readonly<Record<string, unknown>>;

/** Keys that say which shape an object has: another value means another object, not a mixture of both. */
const SHAPE_KEYS = ['mode', 'method'];

/** Keys whose text stands for an object with one member: `output: runs/mine` is `output: { folder: runs/mine }`. */
const SHORT_FORMS: Readonly<Record<string, string>> = { output: 'folder' };

/** Which member of the object at a key a text in its place stands for. */
export const shortFormOf = (key: unknown): string | undefined =>
  typeof key === 'string' && Object.hasOwn(SHORT_FORMS, key) ? SHORT_FORMS[key] : undefined;

/** `over` on top of `under`; neither is changed. */
export function mergeSettings(under: unknown, over: unknown): unknown {
  if (!isSettings(over)) return over;
  if (Array.isArray(under)) return mergeList(under, over);
  if (!isSettings(under)) return over;
  const otherShape = SHAPE_KEYS.some(
    (key) => Object.hasOwn(over, key) && Object.hasOwn(under, key) && over[key] !== under[key],
  );
  if (otherShape) return over;
  const keys = new Set([...Object.keys(under), ...Object.keys(over)]);
  return Object.fromEntries(
    [...keys].map((key) => {
      if (!Object.hasOwn(over, key)) return [key, under[key]];
      return [key, Object.hasOwn(under, key) ? mergeMembers(key, under[key], over[key]) : over[key]];
    }),
  );
}

/** A short form meets an object as the object that it stands for. */
function mergeMembers(key: string, under: unknown, over: unknown): unknown {
  const member = shortFormOf(key);
  const whole = (value: unknown, other: unknown): unknown =>
    member !== undefined && typeof value === 'string' && isSettings(other) ? { [member]: value } : value;
  return mergeSettings(whole(under, over), whole(over, under));
}

/** The assignments as one layer. Later ones win; list positions become keys "0", "1", ... until they meet a list. */
export function settingsFrom(assignments: readonly { readonly path: ConfigPath; readonly value: unknown }[]): Settings {
  let layer: unknown = {};
  for (const { path, value } of assignments) {
    const nested = path.reduceRight<unknown>((inner, step) => Object.fromEntries([[String(step), inner]]), value);
    layer = mergeSettings(layer, nested);
  }
  return layer as Settings;
}

/** Assignments to positions of a list: `references.1.dtype` changes one entry, the next free position adds one. */
function mergeList(under: readonly unknown[], over: Settings): unknown {
  const positions = Object.keys(over);
  if (!positions.every((position) => /^\d+$/.test(position))) return over;
  const merged = [...under];
  for (const position of positions.map(Number).sort((a, b) => a - b)) {
    if (position > merged.length) return over;
    merged[position] = position < merged.length ? mergeSettings(merged[position], over[position]) : over[position];
  }
  return merged;
}

/** Objects whose keys are exactly 0, 1, 2, ... become lists: what assignments to positions left where no list was. */
export function positionsToLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(positionsToLists);
  if (!isSettings(value)) return value;
  const keys = Object.keys(value);
  if (keys.length > 0 && keys.every((key, index) => key === String(index))) {
    return keys.map((key) => positionsToLists(value[key]));
  }
  return Object.fromEntries(keys.map((key) => [key, positionsToLists(value[key])]));
}

/** Whether a value is an object and not a list. */
export const isSettings = (value: unknown): value is Settings =>
  value !== null && typeof value === 'object' && !Array.isArray(value);
