import type { Preset } from './preset.js';

/** MRPO as the paper defines it, with the data handling of today's practice. */
export const mrpoPreset: Preset = {
  name: 'mrpo',
  summary:
    "Several references, harmonic pooling, ARWC weights, adaptive CTRO; each model's own chat template. The defaults.",
  settings: {
    objective: {
      loss: 'mrpo',
      beta: 0.1,
      clip: { mode: 'adaptive', epsilon_max: 0.1 },
      weights: 'arwc',
      pooling: 'harmonic',
    },
  },
};
