/** On which line of a text does a record begin, if all that is known is the byte where the one before it ended? */

export interface LineStarts {
  /** The next bytes of the text. */
  push(chunk: Buffer): void;
  /**
   * Number of the first line with something on it that starts at a byte or after it; the last line if none does.
   * Questions go forward: lines before the byte are forgotten.
   */
  lineFrom(byte: number): number;
  /** Number of the line that the bytes so far end on. */
  last(): number;
}

const RETURN = 0x0d;

/**
 * Finds where lines begin while the bytes pass by.
 * @param lineEnd the byte that ends a line. A return before it belongs to it.
 */
export function createLineStarts(lineEnd: number): LineStarts {
  const filled: { readonly start: number; readonly line: number }[] = [];
  let forgotten = 0;
  let offset = 0;
  let start = 0;
  let line = 1;
  let lastByte = 0;
  return {
    push(chunk) {
      filled.splice(0, forgotten);
      forgotten = 0;
      for (let at = chunk.indexOf(lineEnd); at >= 0; at = chunk.indexOf(lineEnd, at + 1)) {
        const end = offset + at;
        const before = at === 0 ? lastByte : chunk[at - 1];
        if (end - start > (before === RETURN ? 1 : 0)) filled.push({ start, line });
        start = end + 1;
        line++;
      }
      offset += chunk.length;
      lastByte = chunk.at(-1) ?? lastByte;
    },
    lineFrom(byte) {
      while ((filled[forgotten]?.start ?? byte) < byte) forgotten++;
      return filled[forgotten]?.line ?? line;
    },
    last: () => line,
  };
}
