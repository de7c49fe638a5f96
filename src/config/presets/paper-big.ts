/** The paper's big data sets (HelpSteer, UltraFeedback, Nectar): as the small ones, but 1 epoch. */
import { paperSmallPreset } from './paper-small.js';
import type { Preset } from './preset.js';

/** As the preset for the small data sets, with 1 epoch in place of 3. */
export const paperBigPreset: Preset = {
  name: 'paper-big',
  summary: 'The paper on HelpSteer, UltraFeedback and Nectar: as paper-small, 1 epoch.',
  settings: { ...paperSmallPreset.settings, training: { ...paperSmallPreset.settings.training, epochs: 1 } },
};
