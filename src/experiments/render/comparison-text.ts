/** A comparison in words and numbers, the same on every page. */
import type { Comparison } from '../comparisons.js';
import { pathOf } from '../cells.js';

/** Titles of the columns of {@link comparisonRow}. */
export const comparisonColumns = [
  'where',
  'claim',
  'accuracy',
  'seeds',
  'difference, points [95 %]',
  'p (Holm)',
  "d, Hedges' g [95 %]",
  'verdict',
] as const;

/** The three accuracies as readers see them. */
export const ACCURACY_TITLES = { own: 'own reward', refm1: 'against RefM1', perToken: 'per token' } as const;

/** One comparison as cells of text; differences in percentage points. */
export function comparisonRow(comparison: Comparison): readonly string[] {
  const { where, method, baseline, accuracy, seeds, paired, adjustedP, effect, verdict } = comparison;
  const [low, high] = paired.interval;
  const interval = `${points(paired.difference)} [${points(low)}, ${points(high)}]`;
  return [
    pathOf(where) || '–',
    `${method} above ${baseline}`,
    ACCURACY_TITLES[accuracy],
    paired.over === 'pairs' ? `${seeds} (other seeds: not known)` : String(seeds),
    interval,
    pText(adjustedP),
    effect === undefined
      ? '–'
      : `${two(effect.d)}, ${two(effect.g)} [${two(effect.interval[0])}, ${two(effect.interval[1])}]`,
    verdict,
  ];
}

const points = (share: number): string =>
  Number.isFinite(share) ? `${share >= 0 ? '+' : '−'}${Math.abs(100 * share).toFixed(1)}` : share > 0 ? '∞' : '−∞';

const two = (value: number): string => (Number.isFinite(value) ? value.toFixed(2) : Number.isNaN(value) ? '–' : '∞');

/** "0.031", "< 0.001". */
const pText = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(3));

/** "L<-M" as a reader of the paper knows it. */
export const arrows = (text: string): string => text.replaceAll('<-', '←');
