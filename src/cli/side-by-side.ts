/** Two texts beside each other in a terminal, so that a person sees at once which of them is called the better one. */

/** Characters of a column, and lines of it before the middle is left out. */
const WIDTH = 56;
const LINES = 16;

/** Two texts in columns beside each other, as lines. @param titles of the left and the right column. */
export function sideBySide(titles: readonly [string, string], texts: readonly [string, string]): string[] {
  const [left, right] = texts.map((text) => shortened(wrapped(text))) as [string[], string[]];
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, index) =>
    [left[index] ?? '', right[index] ?? ''].map((cell) => cell.padEnd(WIDTH)).join(' | '),
  );
  return [titles.map((title) => title.padEnd(WIDTH)).join(' | '), ...rows].map((row) => row.trimEnd());
}

/** Lines of at most `WIDTH` characters, broken at spaces where there are any. */
function wrapped(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const lines: string[] = [];
    let rest = line;
    while (rest.length > WIDTH) {
      const space = rest.lastIndexOf(' ', WIDTH);
      const end = space > WIDTH / 2 ? space : WIDTH;
      lines.push(rest.slice(0, end));
      rest = rest.slice(end).trimStart();
    }
    return [...lines, rest];
  });
}

function shortened(lines: string[]): string[] {
  if (lines.length <= LINES) return lines;
  const half = LINES / 2;
  return [...lines.slice(0, half), `[... ${lines.length - 2 * half} lines ...]`, ...lines.slice(-half)];
}
