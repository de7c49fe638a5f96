/** Counts dropped rows by reason, and keeps the first of them: of a file of any size, in bounded memory. */
import type { DroppedRow } from './read-pairs.js';

/** One reason for which rows were dropped, and how often. */
export interface DropReason {
  /** As the first row with it says it. */
  readonly reason: string;
  readonly count: number;
  /** Line or row number of the first of them, from 1. */
  readonly firstLine: number;
}

/** Collects dropped rows while a file is read. */
export interface DropCounter {
  add(drop: DroppedRow): void;
  /** Dropped rows in all. */
  count(): number;
  /** The first rows, in order; at most `KEPT_DROPS`. */
  first(): readonly DroppedRow[];
  /** Most frequent first. Numbers and quoted text inside reasons do not tell them apart. */
  reasons(): readonly DropReason[];
}

/** A person reads some, a program maybe some thousand; of a broken file of a gigabyte there are millions. */
export const KEPT_DROPS = 10_000;

/** What reasons of one kind share: numbers and quoted text do not tell them apart. */
export const kindOfReason = (reason: string): string =>
  reason.replace(/"(?:[^"\\]|\\.)*"/g, '"..."').replace(/\d+/g, '#');

/** A counter that has seen no row. */
export function createDropCounter(): DropCounter {
  const first: DroppedRow[] = [];
  const reasons = new Map<string, { reason: string; count: number; firstLine: number }>();
  let count = 0;
  return {
    add(drop) {
      count++;
      if (first.length < KEPT_DROPS) first.push(drop);
      const kind = kindOfReason(drop.reason);
      const known = reasons.get(kind);
      if (known === undefined) reasons.set(kind, { reason: drop.reason, count: 1, firstLine: drop.line });
      else known.count++;
    },
    count: () => count,
    first: () => first,
    reasons: () => [...reasons.values()].sort((a, b) => b.count - a.count),
  };
}

/** How often each reason occurred, most frequent first. */
export function dropReasons(dropped: readonly DroppedRow[]): readonly DropReason[] {
  const counter = createDropCounter();
  for (const drop of dropped) counter.add(drop);
  return counter.reasons();
}
