/**
 * Settings of an objective that contradict each other, or the number of references. The one place for such rules: the
 * configuration reports them with file and line, `mrpo explain` too, and an objective made in code throws the first.
 */
import type { ConfigPath } from './path.js';
import type { ObjectiveConfig } from './schema.js';

/** A rule between keys that is broken, and the key to look at. */
export interface CheckProblem {
  readonly path: ConfigPath;
  readonly message: string;
}

const SUM_TOLERANCE = 1e-6;
const OFFICIAL_WEIGHTS: readonly unknown[] = ['arwc', 'uniform'];

/** Settings that some losses do not read, and which those are. */
const UNREAD_BY: Readonly<Record<string, readonly ObjectiveConfig['loss'][]>> = {
  clip: ['dpo', 'simpo'],
  weights: ['dpo', 'simpo'],
  weights_on: ['dpo', 'simpo'],
  pooling: ['dpo', 'simpo', 'multi-dpo', 'forward-kl'],
  gamma: ['dpo', 'multi-dpo', 'mrpo', 'forward-kl', 'hypo'],
  alpha: ['dpo', 'multi-dpo', 'mrpo', 'forward-kl', 'hypo', 'simpo'],
  variant: ['custom'],
  label_smoothing: ['custom'],
};

/** Names of settings that differ from their defaults although the loss does not read them. */
export function unreadSettings(objective: ObjectiveConfig, defaults: ObjectiveConfig): readonly string[] {
  const differs = (key: string): boolean =>
    JSON.stringify(objective[key as keyof ObjectiveConfig]) !== JSON.stringify(defaults[key as keyof ObjectiveConfig]);
  return Object.entries(UNREAD_BY).flatMap(([key, losses]) =>
    losses.includes(objective.loss) && differs(key) ? [key] : [],
  );
}

/** What is contradictory in an objective; empty if nothing is. @param references Number of reference models. */
export function objectiveProblems(objective: ObjectiveConfig, references: number): CheckProblem[] {
  const found: [key: string, message: string | undefined | false][] = [
    ['loss', needsReferences(objective, references)],
    [
      'variant',
      objective.loss === 'simpo' &&
        objective.variant === 'ipo' &&
        'ipo sets its own target margin and cannot be combined with loss simpo',
    ],
    ['label_smoothing', smoothing(objective)],
    [
      'pooling',
      typeof objective.pooling === 'object' &&
        Number.isNaN(objective.pooling.power) &&
        'pooling.power: expected a number, got NaN',
    ],
    ['weights', weightList(objective, references)],
    [
      'module',
      objective.loss === 'custom' &&
        objective.module === undefined &&
        'missing; loss custom needs the file that exports it, or a function from the SDK',
    ],
    [
      'module',
      objective.loss !== 'custom' &&
        objective.module !== undefined &&
        `is only read with loss: custom, got loss: ${objective.loss}`,
    ],
    ['official_code', objective.official_code && officialCode(objective, references)],
  ];
  return found.flatMap(([key, message]) =>
    typeof message === 'string' ? [{ path: ['objective', key], message }] : [],
  );
}

function needsReferences({ loss }: ObjectiveConfig, references: number): string | undefined {
  if (loss === 'simpo' || (Number.isInteger(references) && references >= 1)) return undefined;
  return `loss ${loss} needs at least 1 reference, got ${references}`;
}

function smoothing({ variant, label_smoothing: share }: ObjectiveConfig): string | undefined {
  if (share === 0 || (variant !== 'ipo' && variant !== 'hinge')) return undefined;
  return `${variant} has no form with label smoothing, got ${share}; expected 0, or variant sigmoid (cDPO) or robust`;
}

/** One weight per reference, each at least 0, adding up to 1. */
function weightList({ weights }: ObjectiveConfig, references: number): string | undefined {
  if (!Array.isArray(weights)) return undefined;
  if (weights.length !== references) return `expected one weight per reference (${references}), got ${weights.length}`;
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (weights.every((weight) => weight >= 0) && Math.abs(sum - 1) <= SUM_TOLERANCE) return undefined;
  return `expected numbers >= 0 that add up to 1, got [${weights.join(', ')}] with the sum ${sum}`;
}

function officialCode(objective: ObjectiveConfig, references: number): string | undefined {
  const { loss, pooling, weights } = objective;
  if (loss !== 'mrpo' && loss !== 'multi-dpo') return `is a form of mrpo and multi-dpo, got loss: ${loss}`;
  if (references !== 2) return `the authors' code knows exactly 2 references, got ${references}`;
  if (loss === 'mrpo' && pooling !== 'harmonic')
    return "the authors' code pools harmonically; expected pooling harmonic";
  if (Array.isArray(weights) || OFFICIAL_WEIGHTS.includes(weights)) return undefined;
  return "the authors' code knows weights arwc, uniform and a list";
}
