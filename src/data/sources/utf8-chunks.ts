/** The bytes of a text on the way to a parser that would not notice if they were none. */
import { MrpoError } from '../../core/errors.js';
import type { LineStarts } from './line-starts.js';

/**
 * The chunks as they are, once they are known to be UTF-8; copied, because a parser keeps them longer than they are valid.
 * @param lines gets every chunk before it is passed on.
 * @throws MrpoError `data` at the first chunk that is not UTF-8, or at the end of a text that ends inside a character.
 */
export async function* utf8Chunks(
  chunks: AsyncIterable<Buffer>,
  path: string,
  lines: LineStarts,
): AsyncGenerator<Buffer> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for await (const chunk of chunks) {
    try {
      decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw new MrpoError('data', `${path}: is not UTF-8 text, somewhere after line ${lines.last()}`, {
        cause,
        hint: 'Spreadsheet programs often write Windows-1252: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW, or save as "CSV UTF-8".',
      });
    }
    lines.push(chunk);
    yield Buffer.from(chunk);
  }
  try {
    decoder.decode();
  } catch (cause) {
    throw new MrpoError('data', `${path}: ends in the middle of a character, on line ${lines.last()}`, {
      cause,
      hint: 'The file is cut short; copy or download it again.',
    });
  }
}
