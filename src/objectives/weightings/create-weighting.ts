/** From `objective.weights` to a {@link Weighting}, and the unit of log-probs it compares. */
import type { ObjectiveConfig } from '../../config/schema.js';
import { arwcWeights } from '../../math/arwc.js';
import type { Unit } from '../../math/normalization.js';
import { officialCodeWeights } from '../../math/official-code.js';
import type { Weighting } from '../weighting.js';
import { fixedWeighting, uniformWeighting } from './constant.js';
import { swcwOneHotWeighting } from './swcw-one-hot.js';
import { swcwWeighting } from './swcw.js';
import { tswWeighting } from './tsw.js';
import { vawWeighting, vdwWeighting } from './validation.js';

const DEFAULT_WINDOW = 1;
const DEFAULT_PRIOR = 5;
const DEFAULT_SEED = 0;

/** The weighting of a configuration, before it has seen a batch. @param references K. */
export function createWeighting(config: ObjectiveConfig, references: number): Weighting {
  const { weights } = config;
  if (Array.isArray(weights)) return fixedWeighting(weights);
  if (typeof weights === 'object') {
    return weights.method === 'swcw'
      ? swcwWeighting(references, weights.window)
      : tswWeighting(references, weights.prior, weights.seed);
  }
  switch (weights) {
    case 'uniform':
      return uniformWeighting(references);
    case 'arwc':
      return {
        columns: ({ chosen, rejected }) => (config.official_code ? officialCodeWeights : arwcWeights)(chosen, rejected),
      };
    case 'vdw':
      return vdwWeighting(references);
    case 'vaw':
      return vawWeighting(references);
    case 'swcw':
      return swcwWeighting(references, DEFAULT_WINDOW);
    case 'swcw-one-hot':
      return swcwOneHotWeighting(references);
    case 'tsw':
      return tswWeighting(references, DEFAULT_PRIOR, DEFAULT_SEED);
  }
}

/**
 * What the weights compare: `weights_on` where set; ARWC as the loss does, the methods of arXiv 2512.10040 per token.
 * Weights that look at no log-prob take the loss's unit, so that they ask for no lengths of their own.
 */
export function weightsUnit(config: ObjectiveConfig, lossUnit: Unit): Unit {
  if (!comparesLogps(config.weights)) return lossUnit;
  return config.weights_on ?? (config.weights === 'arwc' ? lossUnit : 'token');
}

function comparesLogps(weights: ObjectiveConfig['weights']): boolean {
  if (Array.isArray(weights)) return false;
  const method = typeof weights === 'object' ? weights.method : weights;
  return method !== 'uniform' && method !== 'tsw';
}
