/**
 * What a cached log-prob depends on, of the model and the rule of tokenisation. The other half of the key is the pair's
 * text with the turns of it that are scored, see `score-text.ts`. Anything in neither may change without rescoring a pair.
 */
import type { ModelIdentity, TokenRule } from '../../backend/backend.js';
import { canonicalJson } from '../../core/hash.js';

/** A model by its content, under a rule of tokenisation. With {@link scoreText} of a pair: the whole key. */
export interface ScoringKey {
  readonly weights: string;
  readonly tokenizer: string;
  readonly chatTemplate: string;
  readonly numericPath: string;
  readonly maxLength: number;
  readonly truncation: TokenRule['truncation'];
  readonly template: TokenRule['template'];
}

/** The revision of a hub id is left out on purpose: equal bytes under another name are the same model. */
export function scoringKey(identity: ModelIdentity, rule: TokenRule): ScoringKey {
  return {
    weights: identity.weights,
    tokenizer: identity.tokenizer,
    chatTemplate: identity.chatTemplate,
    numericPath: identity.numericPath,
    maxLength: rule.maxLength,
    truncation: rule.truncation,
    template: rule.template,
  };
}

/** Equal keys give equal text. */
export const keyText = (key: ScoringKey): string => canonicalJson(key);
