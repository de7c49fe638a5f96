/**
 * Whether a number is the paper's: only where models and data are the paper's too. An accuracy may lie 1.5 points apart, or
 * two standard errors of the difference if that is more; a margin two standard errors; a task two standard errors over its
 * documents and half a point, and only where the untrained policy has the paper's value within the same.
 */
import type { Published } from './paper/published.js';
import type { SummaryCell } from './summary.js';

/** `not judged`: runs are missing, or the untrained policy itself has another value than the paper's. */
export type ValueVerdict = 'as the paper' | 'another value' | 'not judged';

/** Points that two implementations of the same thing may lie apart. */
const ACCURACY_POINTS = 1.5;
const TASK_POINTS = 0.5;

/** Our number and the printed one. */
export interface ValueInput {
  readonly ours: SummaryCell;
  readonly published: Published;
  /** Ours times this is the paper's unit: 100 for percentages. */
  readonly factor: number;
  readonly kind: 'accuracy' | 'margin' | 'task';
  /** The paper's number of the untrained policy, for tasks: a gate, since another profile gives other numbers. */
  readonly publishedBefore?: Published | undefined;
}

/** See the head of this file for how far apart is the same. */
export function valueVerdict({ ours, published, factor, kind, publishedBefore }: ValueInput): ValueVerdict {
  if (ours.values.length < ours.expected || ours.values.length === 0) return 'not judged';
  if (kind === 'task') {
    const room = 2 * factor * ours.standardError + TASK_POINTS;
    const start = publishedBefore === undefined ? 0 : Math.abs(factor * ours.before - publishedBefore.mean);
    if (Number.isNaN(room) || Number.isNaN(start) || start > room) return 'not judged';
    return Math.abs(factor * ours.mean - published.mean) <= room ? 'as the paper' : 'another value';
  }
  const spread = (sd: number | undefined, runs: number): number => (sd === undefined ? 0 : (sd * sd) / runs);
  const own = Number.isNaN(ours.sd) ? 0 : factor * ours.sd;
  const noise = 2 * Math.sqrt(spread(published.sd, published.runs) + spread(own, ours.values.length));
  const room = kind === 'accuracy' ? Math.max(ACCURACY_POINTS, noise) : noise;
  return Math.abs(factor * ours.mean - published.mean) <= room ? 'as the paper' : 'another value';
}
