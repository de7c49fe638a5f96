/** Curves out of metrics lines. */
import type { MetricsLine } from '../store/run-folder.js';

/** One point of a curve. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A measure over optimizer steps; lines without it are left out. */
export function curve(lines: readonly MetricsLine[], name: string): readonly Point[] {
  return lines.flatMap((line) => {
    const [x, y] = [line['step'], line[name]];
    return typeof x === 'number' && typeof y === 'number' && Number.isFinite(y) ? [{ x, y }] : [];
  });
}

/** At most `limit` points: the means of equally many neighbours. */
export function thin(points: readonly Point[], limit: number): readonly Point[] {
  if (points.length <= limit) return points;
  return Array.from({ length: limit }, (_, i) => {
    const group = points.slice(Math.floor((i * points.length) / limit), Math.floor(((i + 1) * points.length) / limit));
    const mean = (of: (point: Point) => number): number =>
      group.reduce((sum, point) => sum + of(point), 0) / group.length;
    return { x: mean(({ x }) => x), y: mean(({ y }) => y) };
  });
}

/** A running mean over the points around each one, about a fifteenth of the curve wide. */
export function smooth(points: readonly Point[]): readonly Point[] {
  const reach = Math.floor(points.length / 30);
  return points.map(({ x }, i) => {
    const near = points.slice(Math.max(0, i - reach), i + reach + 1);
    return { x, y: near.reduce((sum, { y }) => sum + y, 0) / near.length };
  });
}
