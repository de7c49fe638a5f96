/** What a symbol of the paper (L, M, S1, UltraFeedback) stands for at some scale of effort. */
import type { Settings } from '../../config/merge.js';
import type { Headline, ProfileName } from '../../tasks/index.js';

/** Models by the paper's letters: Llama, Mistral, Qwen, TinyLlama, and a Llama tuned on Alpaca. */
export type ModelSymbol = 'L' | 'M' | 'Q' | 'T' | 'A';
/** The paper's small data sets. */
export type SmallSet = 'S1' | 'S2' | 'S3';
/** The paper's big data sets. */
export type BigSet = 'HelpSteer' | 'UltraFeedback' | 'Nectar';

/** Settings, and what in them is a guess. */
export interface Choice {
  readonly settings: Settings;
  /** Shown beside every cell that it touches; absent where the paper says it. */
  readonly mark?: string | undefined;
}

/** A model as policy or reference: `model`, `revision`, `quantization`, ... */
export interface ModelChoice {
  readonly asPolicy: Settings;
  readonly asReference: Settings;
  readonly mark?: string | undefined;
}

/** Models, data sets and settings that stand for the paper's. */
export interface Scale {
  readonly name: 'miniature' | 'small' | 'paper';
  readonly summary: string;
  /** What a reader must know before believing a number. */
  readonly claim: string;
  /** Settings that all runs share. */
  readonly base: Settings;
  readonly models: Readonly<Record<ModelSymbol, ModelChoice>>;
  readonly small: Readonly<Record<SmallSet, Choice>>;
  readonly big: Readonly<Record<BigSet, Choice>>;
  /** Laid over the policy's settings for Tables 3, 4 and 8. */
  readonly fullFineTuning: Choice;
  /** Tasks of language understanding for Tables 3, 4 and 8. */
  readonly tasks: ProfileName | readonly Headline[];
  /** Second reference of the baselines: its vocabulary must have every token id of L's, which it is fed in one of them. */
  readonly secondReference: ModelSymbol;
  /** Number of seeds for small and for big data sets. */
  readonly seeds: { readonly small: number; readonly big: number };
  /** Accelerator of src/planning/devices.ts that it is meant for. Default: this machine. */
  readonly device?: string | undefined;
  /** Models so small that a core each is fastest. */
  readonly oneThread?: boolean | undefined;
  /** Whether values may be compared with the paper's, and not only directions. */
  readonly comparesValues: boolean;
}
