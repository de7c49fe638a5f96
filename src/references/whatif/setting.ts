/** The settings of a sweep: the configured one, and what could be set instead, one thing at a time and in a grid. */
import type { ObjectiveConfig } from '../../config/index.js';

/** `objective.clip` of a configuration. */
export type Clip = ObjectiveConfig['clip'];
/** `objective.weights` of a configuration. */
export type Weights = ObjectiveConfig['weights'];
/** `objective.pooling` of a configuration. */
export type Pooling = ObjectiveConfig['pooling'];

/** What is varied in a part of the sweep; the grid varies trust region, pooling and weights together. */
export type SettingGroup = 'configured' | 'trust region' | 'weights' | 'pooling' | 'references' | 'grid';

/** One combination of trust region, weights, pooling and references. */
export interface Setting {
  readonly group: SettingGroup;
  /** What differs from the configuration, for people. */
  readonly label: string;
  /** Positions of the references used, the first is what others are clipped around. */
  readonly references: readonly number[];
  readonly clip: Clip;
  readonly weights: Weights;
  readonly pooling: Pooling;
}

const EPSILONS = [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1];
const FIXED_EPSILONS = [0.01, 0.025, 0.05, 0.1, 0.2];
const POOLINGS = ['harmonic', 'geometric', 'arithmetic', 'min', 'max'] as const;
const WEIGHTS = ['uniform', 'arwc', 'vdw', 'vaw'] as const;
const GRID = {
  epsilons: [0.02, 0.05, 0.1, 0.2, 0.5],
  poolings: ['harmonic', 'geometric', 'arithmetic'],
  weights: ['uniform', 'arwc', 'vdw'],
} as const;

/** Why the first setting of a sweep is not the configured objective itself; `undefined` where it is. */
export function assumedInstead({
  loss,
  official_code: official,
}: Pick<ObjectiveConfig, 'loss' | 'official_code'>): string | undefined {
  if (loss === 'mrpo' && !official) return undefined;
  const configured = official ? 'objective.official_code is on' : `objective.loss is ${loss}`;
  return `${configured}; shown is MRPO, by the paper's formulas, with the configured trust region, weights and pooling`;
}

/**
 * All settings of a sweep, the configured one first. With one reference there is no other.
 * @param names Of the references in configuration order, at least one.
 */
export function sweepSettings(
  config: Pick<ObjectiveConfig, 'clip' | 'weights' | 'pooling' | 'loss' | 'official_code'>,
  names: readonly string[],
): Setting[] {
  const all = names.map((_, k) => k);
  const { clip, weights, pooling } = config;
  const base = { references: all, clip, weights, pooling };
  const configured: Setting = {
    ...base,
    group: 'configured',
    label: assumedInstead(config) === undefined ? 'as configured' : 'MRPO',
  };
  if (names.length === 1) return [configured];
  return [
    configured,
    ...clipSettings().map(({ clip: other, label }) => ({
      ...base,
      group: 'trust region' as const,
      label,
      clip: other,
    })),
    ...weightSettings(names).map(({ weights: other, label }) => ({
      ...base,
      group: 'weights' as const,
      label,
      weights: other,
    })),
    ...POOLINGS.map((other) => ({ ...base, group: 'pooling' as const, label: other, pooling: other })),
    ...subsets(names).map(({ references, label }) => ({
      ...base,
      group: 'references' as const,
      label,
      references,
      weights: weightsOfSubset(weights, references),
    })),
    ...gridSettings(all),
  ];
}

function clipSettings(): { clip: Clip; label: string }[] {
  return [
    ...EPSILONS.map((epsilon) => ({
      clip: { mode: 'adaptive' as const, epsilon_max: epsilon },
      label: `adaptive, epsilon_max ${epsilon}`,
    })),
    ...FIXED_EPSILONS.map((epsilon) => ({
      clip: { mode: 'fixed' as const, epsilon },
      label: `fixed, epsilon ${epsilon}`,
    })),
    { clip: { mode: 'off' as const }, label: 'off' },
  ];
}

function weightSettings(names: readonly string[]): { weights: Weights; label: string }[] {
  const rest = 0.2 / (names.length - 1);
  return [
    ...WEIGHTS.map((weights) => ({ weights, label: weights })),
    ...names.map((name, k) => ({
      weights: names.map((_, other) => (other === k ? 0.8 : rest)),
      label: `0.8 on ${name}`,
    })),
  ];
}

/** Leave one out, and RefM1 with each one other. With two references the two say the same. */
function subsets(names: readonly string[]): { references: number[]; label: string }[] {
  const all = names.map((_, k) => k);
  const alone = names.map((name, k) => ({ references: [k], label: `only ${name} (DPO against it)` }));
  if (names.length === 2) return alone;
  const without = names.map((name, k) => ({
    references: all.filter((other) => other !== k),
    label: `without ${name}`,
  }));
  const pairs =
    names.length > 3 ? all.slice(1).map((k) => ({ references: [0, k], label: `${names[0]} and ${names[k]}` })) : [];
  return [...alone, ...without, ...pairs];
}

/** A list of weights loses the entries of absent references; one that only had those becomes uniform. */
function weightsOfSubset(weights: Weights, references: readonly number[]): Weights {
  if (!Array.isArray(weights)) return weights;
  const kept = references.map((k) => weights[k] ?? 0);
  const sum = kept.reduce((total, weight) => total + weight, 0);
  return sum > 0 ? kept.map((weight) => weight / sum) : 'uniform';
}

function gridSettings(references: readonly number[]): Setting[] {
  return GRID.epsilons.flatMap((epsilon) =>
    GRID.poolings.flatMap((pooling) =>
      GRID.weights.map((weights) => ({
        group: 'grid' as const,
        label: `epsilon_max ${epsilon}, ${pooling}, ${weights}`,
        references,
        clip: { mode: 'adaptive' as const, epsilon_max: epsilon },
        weights,
        pooling,
      })),
    ),
  );
}
