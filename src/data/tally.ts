/** What was met while rows were read, counted once per row: what was not read, what was carried, cut or left out. */

/** Kinds of things that a reader should hear about. */
export type Finding =
  | 'unread column'
  | 'ignored column'
  | 'unread message key'
  | 'carried message key'
  | 'format'
  | 'prompt repeated in the answers'
  | 'turns after the last answer'
  | 'marks turned into turns'
  | 'texts in JSON'
  | 'empty answers left out';

/** Counts findings by name. */
export interface Tally {
  /** The row that is counted for from now on. */
  nextRow(): void;
  /** At most once per row and name. */
  add(finding: Finding, name: string): void;
  /** Rows that were counted for. */
  rows(): number;
  /** Names of one kind of finding with the rows that have it. */
  of(finding: Finding): readonly { readonly name: string; readonly rows: number }[];
}

interface Count {
  rows: number;
  /** The row it was last counted in. */
  last: number;
}

/** A tally of no rows. */
export function createTally(): Tally {
  const counts = new Map<Finding, Map<string, Count>>();
  let row = 0;
  return {
    nextRow: () => (row += 1),
    add(finding, name) {
      let names = counts.get(finding);
      if (names === undefined) counts.set(finding, (names = new Map<string, Count>()));
      const entry = names.get(name);
      if (entry === undefined) names.set(name, { rows: 1, last: row });
      else if (entry.last !== row) {
        entry.rows++;
        entry.last = row;
      }
    },
    rows: () => row,
    of: (finding) =>
      [...(counts.get(finding) ?? [])]
        .map(([name, { rows }]) => ({ name, rows }))
        .sort((a, b) => b.rows - a.rows || (a.name < b.name ? -1 : 1)),
  };
}
