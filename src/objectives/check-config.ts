/** Objective settings that contradict each other: said before anything runs, naming the key. */
import { MrpoError } from '../core/errors.js';
import type { ObjectiveConfig } from '../config/schema.js';

const OFFICIAL_WEIGHTS = ['arwc', 'uniform'];

/** Throws `config` for the first contradiction. */
export function checkObjectiveConfig(config: ObjectiveConfig, context: { readonly references: number }): void {
  const { loss } = config;
  const { references } = context;
  if (loss !== 'simpo' && !(Number.isInteger(references) && references >= 1)) {
    throw problem(`loss ${loss} needs at least 1 reference, got ${references}`);
  }
  if (loss === 'simpo' && config.variant === 'ipo') {
    throw problem('variant ipo sets its own target margin and cannot be combined with loss simpo');
  }
  if (typeof config.pooling === 'object' && Number.isNaN(config.pooling.power)) {
    throw problem('pooling.power: expected a number, got NaN');
  }
  if (config.official_code) checkOfficialCode(config, references);
}

function checkOfficialCode(config: ObjectiveConfig, references: number): void {
  if (config.loss !== 'mrpo' && config.loss !== 'multi-dpo') {
    throw problem(`official_code is a form of mrpo and multi-dpo, got loss ${config.loss}`);
  }
  if (references !== 2) throw problem(`official_code knows exactly 2 references, got ${references}`);
  if (config.loss === 'mrpo' && config.pooling !== 'harmonic') {
    throw problem('official_code pools harmonically; expected pooling harmonic');
  }
  if (!Array.isArray(config.weights) && !OFFICIAL_WEIGHTS.includes(config.weights as string)) {
    throw problem('official_code knows weights arwc, uniform and a list');
  }
}

function problem(message: string): MrpoError {
  return new MrpoError('config', `objective: ${message}`);
}
