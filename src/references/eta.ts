/** Time left over several models of different size: work is pairs times the bytes of the model that reads them. */

export interface WorkItem {
  /** Pairs still to score. */
  readonly pairs: number;
  /** Bytes of the model's files; 0 = not known. */
  readonly modelBytes: number;
}

/** How far all models together are. */
export interface WorkProgress {
  /** Pairs that are scored, over all models. */
  readonly done: number;
  /** Pairs, over all models. */
  readonly total: number;
  /** Share of the work that is done, in [0, 1]: pairs of a larger model count for more. */
  readonly share: number;
  /** `undefined` until something was measured. */
  readonly secondsLeft: number | undefined;
}

/** Estimates the time left from the pairs scored so far. */
export interface WorkClock {
  /**
   * Pairs `done` of item `index` in `seconds` since the last call; earlier items count as finished. Time outside
   * (loading, waiting) is not counted.
   */
  advance(index: number, done: number, seconds: number): WorkProgress;
}

/** A clock that has measured nothing. @param items In the order they are worked on. */
export function createWorkClock(items: readonly WorkItem[]): WorkClock {
  const known = items.filter((item) => item.modelBytes > 0);
  const mean = known.reduce((sum, item) => sum + item.modelBytes, 0) / Math.max(known.length, 1) || 1;
  const weights = items.map((item) => (item.modelBytes > 0 ? item.modelBytes : mean));
  const total = items.reduce((sum, item) => sum + item.pairs, 0);
  const totalWork = items.reduce((sum, item, i) => sum + item.pairs * (weights[i] ?? 1), 0);
  let seconds = 0;
  let measured = 0;
  let [lastIndex, lastDone] = [0, 0];
  return {
    advance(index, done, elapsed) {
      const since = index === lastIndex ? done - lastDone : done;
      [lastIndex, lastDone] = [index, done];
      measured += since * (weights[index] ?? 1);
      seconds += elapsed;
      const earlier = items.slice(0, index);
      const doneWork =
        earlier.reduce((sum, item, i) => sum + item.pairs * (weights[i] ?? 1), 0) + done * (weights[index] ?? 1);
      return {
        done: earlier.reduce((sum, item) => sum + item.pairs, 0) + done,
        total,
        share: totalWork === 0 ? 1 : doneWork / totalWork,
        secondsLeft: measured > 0 ? (seconds / measured) * Math.max(0, totalWork - doneWork) : undefined,
      };
    },
  };
}
