/** The presets by name. A new one is a file beside this and a line here. */
import { dpoPreset } from './dpo.js';
import { mrpoPreset } from './mrpo.js';
import { paperBigPreset } from './paper-big.js';
import { paperSmallPreset } from './paper-small.js';
import type { Preset } from './preset.js';

export type { Preset } from './preset.js';

export const PRESETS: readonly Preset[] = [mrpoPreset, dpoPreset, paperSmallPreset, paperBigPreset];

export const presetNames = (): string[] => PRESETS.map((preset) => preset.name);

export const findPreset = (name: string): Preset | undefined => PRESETS.find((preset) => preset.name === name);
