/**
 * The messages of an Arrow file or stream, one at a time: Feather files, and what `datasets` saves. An Arrow file is
 * the stream between a mark and a footer, so both are read the same way, in the memory of one message.
 */

import { checkMetadata } from './arrow-checks.js';

/** A mark, then zeros up to 8 bytes. */
const FILE_MARK = Buffer.from('ARROW1\0\0');
const CONTINUATION = 0xffffffff;
/** Longest description of a message; the body is limited by the caller. */
const MAX_METADATA_BYTES = 64 * 2 ** 20;

/** Whether a file begins with Arrow's mark. @param head Its first bytes, at least 6. */
export const isArrowFile = (head: Buffer): boolean => head.subarray(0, 6).equals(FILE_MARK.subarray(0, 6));

/** A stream begins with the description of its schema: a mark, a length, then a table of that length. */
export const isArrowStream = (head: Buffer): boolean =>
  head.length > 12 && head.readUInt32LE(0) === CONTINUATION && head.readInt32LE(4) > 0 && head.readInt32LE(4) < 2 ** 24;

/** One message of the stream, not decoded. */
export interface ArrowMessage {
  /** 1 schema, 2 dictionary, 3 record batch: the numbers of the format. */
  readonly type: number;
  /** The whole message as it stands in the file, as its decoder wants it. */
  readonly bytes: Buffer;
}

/**
 * The messages in order.
 * @param maxBytes longest message. @throws Error if the bytes end inside a message, or it is none.
 */
export async function* arrowMessages(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<ArrowMessage> {
  const reader = createByteReader(chunks);
  try {
    yield* messagesOf(reader, maxBytes);
  } finally {
    await reader.close();
  }
}

async function* messagesOf(reader: ByteReader, maxBytes: number): AsyncGenerator<ArrowMessage> {
  const isFile = isArrowFile(await reader.peek(8));
  if (isFile) await reader.take(8);
  for (let count = 0; ; count++) {
    let head = await reader.take(8);
    // Streams from before 2019 have no continuation mark: the first four bytes are the length.
    const old = head.length >= 4 && head.readUInt32LE(0) !== CONTINUATION;
    const length = head.length === 8 ? head.readInt32LE(old ? 0 : 4) : 0;
    if (length === 0) {
      if (count === 0 || (isFile && head.length < 8)) throw new Error('the file is cut short');
      if (isFile) await requireEnd(reader);
      return;
    }
    if (length < 0 || length > MAX_METADATA_BYTES) throw new Error('a message with a length that cannot be');
    const metadata = await reader.take(length - (old ? 4 : 0));
    const described = old ? Buffer.concat([head.subarray(4), metadata]) : metadata;
    if (described.length < length) throw new Error('the file ends inside a message');
    const { type, bodyBytes } = describe(described);
    if (bodyBytes < 0 || bodyBytes > maxBytes) throw new Error(`a message of ${bodyBytes} bytes`);
    checkMetadata(described, bodyBytes, maxBytes);
    const body = await reader.take(bodyBytes);
    if (body.length < bodyBytes) throw new Error('the file ends inside a message');
    head = Buffer.alloc(8);
    head.writeUInt32LE(CONTINUATION, 0);
    head.writeInt32LE(length, 4);
    yield { type, bytes: Buffer.concat([head, described, body]) };
  }
}

/** A file ends with the mark that it began with. */
async function requireEnd(reader: ByteReader): Promise<void> {
  let tail = Buffer.alloc(0);
  for (let piece = await reader.take(2 ** 20); piece.length > 0; piece = await reader.take(2 ** 20))
    tail = Buffer.concat([tail, piece]).subarray(-6);
  if (!isArrowFile(tail)) throw new Error('the file is cut short');
}

/** Type and body length from a message's flatbuffer: fields 1 and 3 of its root table. */
function describe(metadata: Buffer): { readonly type: number; readonly bodyBytes: number } {
  const root = metadata.readUInt32LE(0);
  const fields = root - metadata.readInt32LE(root);
  const place = (field: number): number => {
    const entry = 4 + 2 * field;
    const offset = entry < metadata.readUInt16LE(fields) ? metadata.readUInt16LE(fields + entry) : 0;
    return offset === 0 ? 0 : root + offset;
  };
  const [type, body] = [place(1), place(3)];
  return {
    type: type === 0 ? 0 : metadata.readUInt8(type),
    bodyBytes: body === 0 ? 0 : Number(metadata.readBigInt64LE(body)),
  };
}

interface ByteReader {
  /** The next bytes, fewer at the end. */
  take(count: number): Promise<Buffer>;
  peek(count: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** Takes bytes off a stream of chunks, each copied once. */
function createByteReader(chunks: AsyncIterable<Buffer>): ByteReader {
  const iterator = chunks[Symbol.asyncIterator]();
  let held: Buffer[] = [];
  let bytes = 0;
  const fill = async (count: number): Promise<void> => {
    while (bytes < count) {
      const next = await iterator.next();
      if (next.done === true) return;
      held.push(Buffer.from(next.value));
      bytes += next.value.length;
    }
  };
  const peek = async (count: number): Promise<Buffer> => {
    await fill(count);
    const all = held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held);
    held = [all];
    return all.subarray(0, count);
  };
  return {
    peek,
    close: async () => {
      await iterator.return?.();
    },
    async take(count) {
      const taken = await peek(count);
      const rest = (held[0] as Buffer).subarray(taken.length);
      held = rest.length === 0 ? [] : [rest];
      bytes -= taken.length;
      return taken;
    },
  };
}
