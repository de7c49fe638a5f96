/** The paper's methods and modes as settings. */
import type { Settings } from '../../config/merge.js';
import type { MatrixInput } from '../matrix.js';
import type { ModelSymbol, Scale } from '../scales/scale.js';

const self: Settings = { name: 'RefM1', model: 'policy' };
const trustRegion = { mode: 'adaptive', epsilon_max: 0.1 };

/** DPO knows the policy's own start only, whatever the mode's other references are. */
export const DPO: Settings = { objective: { loss: 'dpo' }, references: [self] };
/** Multi-DPO with the paper's trust region and weights. */
export const MULTI_DPO: Settings = { objective: { loss: 'multi-dpo', clip: trustRegion, weights: 'arwc' } };
/** MRPO as in the paper. */
export const MRPO: Settings = {
  objective: { loss: 'mrpo', clip: trustRegion, weights: 'arwc', pooling: 'harmonic' },
};

/** MRPO with other settings of one of its parts. */
export const mrpoWith = (objective: Settings): Settings => ({
  objective: { ...(MRPO['objective'] as Settings), ...objective },
});

/** DPO against one other model alone: the baseline that says whether several references are worth it. */
export const dpoAgainst = (scale: Scale, symbol: ModelSymbol): Settings => ({
  objective: { loss: 'dpo' },
  references: [{ name: symbol, ...scale.models[symbol].asReference }],
});

/** `P<-R1,R2`: the policy starts as P, which is RefM1; the further references follow in order. */
export function mode(scale: Scale, policy: ModelSymbol, further: readonly ModelSymbol[]): Settings {
  return {
    policy: scale.models[policy].asPolicy,
    references: [self, ...further.map((symbol) => ({ name: symbol, ...scale.models[symbol].asReference }))],
  };
}

/** 0, 1, ... up to `count` seeds. */
export const seeds = (count: number): number[] => Array.from({ length: count }, (_, seed) => seed);

/** The marks of an axis whose values are symbols of the scale. */
export function marksOf(
  choices: Readonly<Record<string, { readonly mark?: string | undefined }>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(choices).flatMap(([name, { mark }]) => (mark === undefined ? [] : [[name, mark]])),
  );
}

/** The settings of named choices, without their marks. */
export const settingsOf = (
  choices: Readonly<Record<string, { readonly settings: Settings }>>,
): Record<string, Settings> =>
  Object.fromEntries(
    Object.entries(choices).map(([name, { settings }]) => [name, settings as Record<string, unknown>]),
  );

/** A table or figure of the paper as a matrix, at a scale. */
export type PaperMatrix = (scale: Scale) => MatrixInput;

/** The accuracy that the paper prints: by the method's own reward. */
export const ACCURACY = 'rewards/accuracies';
/** The margin that the paper plots: of the method's own reward. */
export const MARGIN = 'rewards/margins';
