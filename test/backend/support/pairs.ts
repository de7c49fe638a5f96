/** Small preference pairs and specs for backend tests. */
import type { PairText, TokenRule, TrainerSpec } from '../../../src/backend/backend.js';

/** A conversation of one turn. */
export function pair(prompt: string, chosen: string, rejected: string): PairText {
  return {
    prompt: [{ role: 'user', content: prompt }],
    chosen: [{ role: 'assistant', content: chosen }],
    rejected: [{ role: 'assistant', content: rejected }],
    plain: false,
  };
}

export const PAIRS: readonly PairText[] = [
  pair('name a colour', 'blue is a colour', 'seven'),
  pair('add one and two', 'three', 'one and two are four I think'),
  pair('say hello', 'hello there', 'no'),
  pair('what is the sea', 'much water with salt in it', 'a hill'),
];

export const RULE: TokenRule = { maxLength: 128, truncation: 'keep_start', template: 'chat' };

/** AdamW on a small adapter; `change` replaces single settings. */
export function trainerSpec(change: Partial<TrainerSpec> = {}): TrainerSpec {
  return {
    lora: { r: 4, alpha: 8, dropout: 0, targetModules: [] },
    seed: 7,
    optimizer: 'adamw',
    adamBeta1: 0.9,
    adamBeta2: 0.999,
    adamEpsilon: 1e-8,
    checkpointing: 'off',
    ...change,
  };
}
