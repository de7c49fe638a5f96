/** Scales by name. The miniature one needs its world, which is built when it is asked for. */
export type { Scale } from './scale.js';
export { miniature } from './miniature.js';
export { paper } from './paper.js';
export { small } from './small.js';
/** Names of `--scale`, the cheapest first. */
export const SCALE_NAMES = ['miniature', 'small', 'paper'] as const;
/** One of the scales. */
export type ScaleName = (typeof SCALE_NAMES)[number];
