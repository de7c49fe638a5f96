/** JSON in which every double survives, also those that JSON lacks (NaN, infinities, -0), and columns of doubles. */
type Special = { readonly $number: 'NaN' | 'Infinity' | '-Infinity' | '-0' } | { readonly $column: readonly unknown[] };

/** Text of a JSON value whose numbers may be any double and whose arrays may be `Float64Array`; no rounding. */
export function toExactJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => encode(member));
}

/** The value that {@link toExactJson} wrote, bit for bit. @throws SyntaxError for text that is not JSON. */
export function fromExactJson(text: string): unknown {
  return JSON.parse(text, (_key, member: unknown) => decode(member)) as unknown;
}

function encode(member: unknown): unknown {
  if (member instanceof Float64Array) return { $column: Array.from(member) } satisfies Special;
  if (typeof member !== 'number' || (Number.isFinite(member) && !Object.is(member, -0))) return member;
  return { $number: Object.is(member, -0) ? '-0' : String(member) };
}

function decode(member: unknown): unknown {
  if (typeof member !== 'object' || member === null) return member;
  const keys = Object.keys(member);
  if (keys.length !== 1) return member;
  const { $number, $column } = member as { $number?: string; $column?: readonly number[] };
  if ($number !== undefined) return Number($number);
  return $column === undefined ? member : Float64Array.from($column);
}
