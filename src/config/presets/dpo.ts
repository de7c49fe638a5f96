import type { Preset } from './preset.js';

/** The single-reference baseline: the policy against its own start. */
export const dpoPreset: Preset = {
  name: 'dpo',
  summary: "DPO against the policy's own start: the baseline to compare with.",
  settings: {
    references: [{ name: 'self', model: 'policy' }],
    objective: { loss: 'dpo', beta: 0.1, clip: { mode: 'off' }, weights: 'uniform' },
  },
};
