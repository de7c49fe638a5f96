/**
 * What a plan needs of models and data that are not on this machine: sizes from the models' config.json files and the
 * data sets' cards. Mean lengths are guesses, in tokens of a Llama vocabulary, for pairs cut at 1,024 tokens.
 */
import type { ModelShape, PairLength } from '../../planning/index.js';

/** Sizes of a model on the hub. */
export interface ScaleModelFacts {
  readonly shape: ModelShape;
  /** Bytes of the weights that are downloaded. */
  readonly download: number;
  /** Whether its hub page asks for a licence to be accepted. */
  readonly gated?: boolean;
}

/** Pairs of a data set on the hub: how many, and how long on average in tokens. */
export interface SetFacts {
  readonly train: number;
  readonly held: number;
  readonly mean: PairLength;
  readonly download: number;
}

const shape = (
  architecture: string,
  layers: number,
  width: number,
  heads: number,
  keyHeads: number,
  mlpWidth: number,
  vocabulary: number,
  { tied = false, headWidth = width / heads }: { tied?: boolean; headWidth?: number } = {},
): ModelShape => ({
  architecture,
  layers,
  width,
  queryWidth: heads * headWidth,
  keyWidth: keyHeads * headWidth,
  heads,
  mlpWidth,
  gated: true,
  vocabulary,
  tied,
});

const llama7 = shape('LlamaForCausalLM', 32, 4096, 32, 32, 11008, 32000);

/** By hub id. */
export const MODEL_FACTS: Readonly<Record<string, ScaleModelFacts>> = {
  'meta-llama/Llama-2-7b-chat-hf': { shape: llama7, download: 13.5e9, gated: true },
  'teknium/OpenHermes-2.5-Mistral-7B': {
    shape: shape('MistralForCausalLM', 32, 4096, 32, 8, 14336, 32002),
    download: 14.5e9,
  },
  'Qwen/Qwen1.5-7B-Chat': { shape: shape('Qwen2ForCausalLM', 32, 4096, 32, 32, 11008, 151936), download: 15.4e9 },
  'TinyLlama/TinyLlama-1.1B-Chat-v1.0': {
    shape: shape('LlamaForCausalLM', 22, 2048, 32, 4, 5632, 32000),
    download: 2.2e9,
  },
  'tatsu-lab/alpaca-7b-wdiff': { shape: llama7, download: 27e9 },
  'HuggingFaceTB/SmolLM2-360M-Instruct': {
    shape: shape('LlamaForCausalLM', 32, 960, 15, 5, 2560, 49152, { tied: true }),
    download: 0.73e9,
  },
  'HuggingFaceTB/SmolLM2-360M': {
    shape: shape('LlamaForCausalLM', 32, 960, 15, 5, 2560, 49152, { tied: true }),
    download: 0.73e9,
  },
  'HuggingFaceTB/SmolLM2-135M-Instruct': {
    shape: shape('LlamaForCausalLM', 30, 576, 9, 3, 1536, 49152, { tied: true }),
    download: 0.27e9,
  },
  'Qwen/Qwen2.5-0.5B-Instruct': {
    shape: shape('Qwen2ForCausalLM', 24, 896, 14, 2, 4864, 151936, { tied: true }),
    download: 0.99e9,
  },
  'google/gemma-3-1b-it': {
    shape: shape('Gemma3ForCausalLM', 26, 1152, 4, 1, 6912, 262144, { tied: true, headWidth: 256 }),
    download: 2.0e9,
    gated: true,
  },
};

const set = (
  train: number,
  held: number,
  prompt: number,
  chosen: number,
  rejected: number,
  download: number,
): SetFacts => ({
  train,
  held,
  mean: { prompt, chosen, rejected },
  download,
});

/** By the end of `data.train`; the rows of limited sets are cut by the plan. */
export const SET_FACTS: Readonly<Record<string, SetFacts>> = {
  'comparison_gpt4_data_en.json': set(364, 2000, 40, 180, 150, 28e6),
  'argilla/distilabel-math-preference-dpo': set(2176, 242, 60, 260, 300, 3e6),
  'NeuralNovel/Neural-DPO': set(963, 107, 120, 250, 220, 1.5e6),
  'nvidia/HelpSteer:train': set(8100, 400, 250, 220, 200, 25e6),
  'ultrafeedback_binarized:train_prefs': set(61_135, 2000, 170, 330, 290, 400e6),
  'berkeley-nest/Nectar:train': set(180_954, 2000, 160, 230, 200, 600e6),
};
