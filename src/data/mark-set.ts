/** A set of whole numbers that holds more than the 2^24 entries at which one Set of JavaScript ends. */

export interface MarkSet {
  /** False if it was there. */
  add(mark: number): boolean;
  has(mark: number): boolean;
  size(): number;
}

/** With evenly spread marks there is room for 2^30. */
const PARTS = 64;

/** An empty set. */
export function createMarkSet(): MarkSet {
  const parts = Array.from({ length: PARTS }, () => new Set<number>());
  const partOf = (mark: number): Set<number> => parts[mark % PARTS] as Set<number>;
  return {
    add(mark) {
      const part = partOf(mark);
      if (part.has(mark)) return false;
      part.add(mark);
      return true;
    },
    has: (mark) => partOf(mark).has(mark),
    size: () => parts.reduce((sum, part) => sum + part.size, 0),
  };
}
