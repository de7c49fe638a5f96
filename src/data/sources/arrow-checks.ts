/**
 * Checks of an Arrow file before and after its decoder, which trusts every count it reads: a damaged one would have it
 * build lists of billions, or read texts from the wrong place.
 */

const SCHEMA = 1;
const DICTIONARY_BATCH = 2;
const UNION = 14;
const MAX_DEPTH = 64;

/**
 * Checks that every list inside a message's description fits into it, and every buffer into the message.
 * @param limit most bytes that rows may stand for, at 8 a value.
 * @throws Error if not.
 */
export function checkMetadata(metadata: Buffer, bodyBytes: number, limit: number): void {
  const root = tableAt(metadata, metadata.readUInt32LE(0));
  const type = root.byte(1);
  const header = root.table(2);
  if (header === undefined) throw new Error('a message without a header');
  if (type === SCHEMA) {
    header.strings(2);
    header.tables(1).forEach((field) => checkField(field, 0));
    return;
  }
  const batch = type === DICTIONARY_BATCH ? header.table(1) : header;
  if (batch === undefined) throw new Error('a dictionary without values');
  const rows = batch.long(0);
  const nodes = batch.pairs(1);
  const buffers = batch.pairs(2);
  const variadic = batch.longs(4);
  if (rows < 0 || rows * 8 * Math.max(1, nodes.length) > limit) throw new Error(`a batch of ${rows} rows`);
  if (nodes.some(([length]) => length < 0 || length * 8 > limit)) throw new Error('a column of impossible length');
  if (buffers.some(([offset, length]) => offset < 0 || length < 0 || offset + length > bodyBytes))
    throw new Error('a buffer outside its message');
  if (variadic.some((count) => count < 0 || count > buffers.length)) throw new Error('more buffers than there are');
}

function checkField(field: Table, depth: number): void {
  if (depth > MAX_DEPTH) throw new Error('columns inside columns without end');
  if (field.byte(2) === UNION) field.table(3)?.list(1, 4);
  field.strings(6);
  field.tables(5).forEach((child) => checkField(child, depth + 1));
}

/** A table of a flatbuffer: a list of where its fields are. */
interface Table {
  byte(field: number): number;
  long(field: number): number;
  table(field: number): Table | undefined;
  /** Positions of the entries of a list. */
  list(field: number, stride: number): number[];
  tables(field: number): Table[];
  strings(field: number): void;
  longs(field: number): number[];
  pairs(field: number): [number, number][];
}

/** Reads beyond the end throw a RangeError. */
function tableAt(bytes: Buffer, at: number): Table {
  const fields = at - bytes.readInt32LE(at);
  const size = bytes.readUInt16LE(fields);
  const place = (field: number): number => {
    const offset = 4 + 2 * field < size ? bytes.readUInt16LE(fields + 4 + 2 * field) : 0;
    return offset === 0 ? 0 : at + offset;
  };
  const long = (position: number): number => Number(bytes.readBigInt64LE(position));
  const list = (field: number, stride: number): number[] => {
    const position = place(field);
    if (position === 0) return [];
    const start = position + bytes.readUInt32LE(position);
    const count = bytes.readUInt32LE(start);
    if (start + 4 + count * stride > bytes.length) throw new Error('a list that is longer than its message');
    return Array.from({ length: count }, (_, index) => start + 4 + index * stride);
  };
  const tables = (field: number): Table[] =>
    list(field, 4).map((position) => tableAt(bytes, position + bytes.readUInt32LE(position)));
  return {
    byte: (field) => (place(field) === 0 ? 0 : bytes.readUInt8(place(field))),
    long: (field) => (place(field) === 0 ? 0 : long(place(field))),
    table: (field) => {
      const position = place(field);
      return position === 0 ? undefined : tableAt(bytes, position + bytes.readUInt32LE(position));
    },
    list,
    tables,
    strings: (field) => void tables(field),
    longs: (field) => list(field, 8).map(long),
    pairs: (field) => list(field, 16).map((position) => [long(position), long(position + 8)]),
  };
}

/** What is looked at of a decoded column. */
export interface DecodedColumn {
  readonly length: number;
  readonly offsets?: ArrayLike<number | bigint> | undefined;
  readonly sizes?: ArrayLike<number | bigint> | undefined;
  readonly stride?: number | undefined;
  readonly values?: unknown;
  readonly children?: readonly DecodedColumn[] | undefined;
}

/**
 * Checks the offsets of a decoded column.
 * @throws Error if a text or a list of the column lies outside of what there is, or before the one that it follows.
 */
export function checkColumn(column: DecodedColumn): void {
  const { length, offsets, sizes, stride, values, children = [] } = column;
  const [child] = children;
  const room = ArrayBuffer.isView(values) ? values.byteLength : (child?.length ?? 0);
  if (offsets !== undefined && sizes === undefined && length > 0) checkOffsets(offsets, length, room);
  if (offsets !== undefined && sizes !== undefined) {
    for (let at = 0; at < length; at++) {
      const [from, size] = [Number(offsets[at]), Number(sizes[at])];
      if (!(from >= 0 && size >= 0 && from + size <= room)) throw new Error('a list outside of its column');
    }
  }
  if (stride !== undefined && child !== undefined && !(stride >= 0 && stride * length <= child.length))
    throw new Error('a list outside of its column');
  for (const inside of children) checkColumn(inside);
}

function checkOffsets(offsets: ArrayLike<number | bigint>, length: number, room: number): void {
  if (offsets.length <= length) throw new Error('fewer offsets than rows');
  let before = 0;
  for (let at = 0; at <= length; at++) {
    const offset = Number(offsets[at]);
    if (!(offset >= before)) throw new Error('offsets that go back');
    before = offset;
  }
  if (before > room) throw new Error('a text or list outside of its column');
}
