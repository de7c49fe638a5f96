/** Is it text, and in which encoding? Data files are UTF-8; anything else is named, with the way to convert it. */
import { MrpoError } from '../../core/errors.js';

const UTF8_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** UTF-16 that says so by its mark: what spreadsheet programs save as "Unicode text". */
export function markedUtf16(head: Buffer): 'utf-16le' | 'utf-16be' | undefined {
  if (head[0] === 0xff && head[1] === 0xfe && !(head[2] === 0 && head[3] === 0)) return 'utf-16le';
  return head[0] === 0xfe && head[1] === 0xff ? 'utf-16be' : undefined;
}

/** The text as UTF-8, without its mark. @throws MrpoError `data` at the first chunk that is not UTF-16. */
export async function* utf8FromUtf16(
  chunks: AsyncIterable<Buffer>,
  encoding: 'utf-16le' | 'utf-16be',
  path: string,
): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder(encoding, { fatal: true });
  try {
    for await (const chunk of chunks) yield Buffer.from(decoder.decode(chunk, { stream: true }));
    yield Buffer.from(decoder.decode());
  } catch (cause) {
    if (cause instanceof MrpoError) throw cause;
    throw new MrpoError('data', `${path}: is not ${encoding.toUpperCase()} text, as its first bytes say`, { cause });
  }
}

/** First bytes of formats that people hand over by mistake. */
const OTHER_FORMATS: readonly (readonly [string, string])[] = [
  ['425a68', 'bzip2-compressed'],
  ['fd377a58', 'xz-compressed'],
  ['89484446', 'an HDF5 file'],
  ['53514c697465', 'an SQLite database'],
  ['25504446', 'a PDF'],
];

/** Bytes of a byte order mark at the start that stand for nothing: 3 or 0. */
export const utf8MarkLength = (head: Buffer): number => (head.subarray(0, 3).equals(UTF8_MARK) ? 3 : 0);

/**
 * Refuses what cannot be UTF-8 text.
 * @throws MrpoError `data` if the first bytes are those of another encoding or of no text at all.
 */
export function requireUtf8Text(head: Buffer, path: string): void {
  const start = head.toString('hex', 0, 8);
  const other = OTHER_FORMATS.find(([magic]) => start.startsWith(magic));
  if (other !== undefined)
    throw new MrpoError(
      'data',
      `${path}: is ${other[1]}; expected JSON lines, a JSON list, CSV, Parquet, Arrow or .xlsx, also .gz, .zst or in a .zip`,
    );
  if (head.toString('latin1', 257, 262) === 'ustar') {
    throw new MrpoError('data', `${path}: is a tar archive; expected a table`, {
      hint: 'Unpack it (tar -xf FILE) and name the folder, or a file in it.',
    });
  }
  const wide = wideEncoding(head);
  if (wide !== undefined) {
    throw new MrpoError('data', `${path}: is ${wide} text; expected UTF-8`, {
      hint: `Convert it: iconv -f ${wide} -t UTF-8 FILE > NEW`,
    });
  }
  if (head.includes(0)) {
    throw new MrpoError(
      'data',
      `${path}: holds zero bytes at byte ${head.indexOf(0) + 1}: it is binary data, not UTF-8 text`,
    );
  }
}

/** UTF-16 and UTF-32, by their mark or, without one, by zeros in every other byte. */
function wideEncoding(head: Buffer): string | undefined {
  if (head.length >= 4 && head.readUInt32BE(0) === 0x0000feff) return 'UTF-32BE';
  if (head.length >= 4 && head.readUInt32LE(0) === 0x0000feff) return 'UTF-32LE';
  if (head[0] === 0xff && head[1] === 0xfe) return 'UTF-16LE';
  if (head[0] === 0xfe && head[1] === 0xff) return 'UTF-16BE';
  const sample = head.subarray(0, 64);
  const zerosAt = (parity: number): number => sample.filter((byte, index) => index % 2 === parity && byte === 0).length;
  if (sample.length < 8) return undefined;
  if (zerosAt(1) > sample.length / 4 && zerosAt(0) === 0) return 'UTF-16LE';
  if (zerosAt(0) > sample.length / 4 && zerosAt(1) === 0) return 'UTF-16BE';
  return undefined;
}
