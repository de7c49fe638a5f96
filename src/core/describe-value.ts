/** A value as an error message shows it: short, with its type where that is the point. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  switch (typeof value) {
    case 'string':
      return value === ''
        ? 'empty text'
        : `text ${JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)}`;
    case 'number':
    case 'boolean':
    case 'bigint':
      return `${typeof value} ${value}`;
    case 'object':
      if (value instanceof Date)
        return Number.isNaN(value.getTime()) ? 'a date' : `a date (${value.toISOString().slice(0, 10)})`;
      return describeObject(Object.keys(value));
    default:
      return typeof value;
  }
}

function describeObject(keys: readonly string[]): string {
  if (keys.length === 0) return 'an empty object';
  return `an object {${keys.slice(0, 6).join(', ')}${keys.length > 6 ? ', ...' : ''}}`;
}
