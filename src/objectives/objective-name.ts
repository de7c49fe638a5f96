/** The name of an objective in reports: the method, and whatever of its settings is not the paper's. */
import type { ObjectiveConfig } from '../config/schema.js';

/** E.g. `mrpo`, `mrpo-official-code`, `mrpo(geometric, ipo)`, `multi-dpo(uniform, clip off)`. */
export function objectiveName(config: ObjectiveConfig): string {
  const method = config.official_code ? `${config.loss}-official-code` : config.loss;
  const usesReferences = config.loss !== 'dpo' && config.loss !== 'simpo';
  const pools = usesReferences && config.loss !== 'multi-dpo' && config.loss !== 'forward-kl';
  const details = [
    pools && config.pooling !== 'harmonic' && poolingName(config.pooling),
    usesReferences && config.weights !== 'arwc' && weightsName(config.weights),
    usesReferences && config.clip.mode === 'off' && 'clip off',
    usesReferences && config.clip.mode === 'fixed' && `clip ${config.clip.epsilon}`,
    config.variant !== 'sigmoid' && config.variant,
    config.label_smoothing > 0 && `label smoothing ${config.label_smoothing}`,
    config.normalization !== 'sum' && `per ${config.normalization}`,
  ].filter((detail) => detail !== false);
  return details.length === 0 ? method : `${method}(${details.join(', ')})`;
}

function poolingName(pooling: ObjectiveConfig['pooling']): string {
  return typeof pooling === 'object' ? `power ${pooling.power}` : pooling;
}

function weightsName(weights: ObjectiveConfig['weights']): string {
  if (Array.isArray(weights)) return `weights ${weights.join('/')}`;
  return typeof weights === 'object' ? weights.method : weights;
}
