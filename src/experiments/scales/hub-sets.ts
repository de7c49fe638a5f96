/** The paper's data sets as they are on the hub, with what had to be guessed about them. */
import type { BigSet, Choice, SmallSet } from './scale.js';

/** Held-out pairs that accuracies are measured on, where the paper's own rest would take days. */
const EVALUATED_PAIRS = 2000;

/** The small sets; `mark` says what was guessed. */
export const HUB_SMALL_SETS: Readonly<Record<SmallSet, Choice>> = {
  S1: {
    settings: {
      data: { train: 'comparison_gpt4_data_en.json', limit: 364 + EVALUATED_PAIRS, eval: EVALUATED_PAIRS },
      training: { epochs: 3 },
    },
    mark: 'S1 is taken to be comparison_gpt4_data_en.json of LLaMA-Factory (1 % of its 36k pairs); the file has to lie in the current folder; accuracy on 2,000 of the rest',
  },
  S2: {
    settings: { data: { train: 'hub:argilla/distilabel-math-preference-dpo', eval: 0.1 }, training: { epochs: 3 } },
    mark: 'S2 is taken to be argilla/distilabel-math-preference-dpo with a tenth held out',
  },
  S3: {
    settings: { data: { train: 'hub:NeuralNovel/Neural-DPO', eval: 0.1 }, training: { epochs: 3 } },
    mark: 'S3 is taken to be NeuralNovel/Neural-DPO with a tenth held out',
  },
};

/** The big sets; `mark` says what was guessed. */
export const HUB_BIG_SETS: Readonly<Record<BigSet, Choice>> = {
  HelpSteer: {
    settings: {
      data: { train: 'hub:nvidia/HelpSteer:train', eval: 'hub:nvidia/HelpSteer:validation', score: 'helpfulness' },
      training: { epochs: 1 },
    },
    mark: 'HelpSteer is paired best against worst by helpfulness; the paper does not say how',
  },
  UltraFeedback: {
    settings: {
      data: {
        train: 'hub:HuggingFaceH4/ultrafeedback_binarized:train_prefs',
        eval: 'hub:HuggingFaceH4/ultrafeedback_binarized:test_prefs',
      },
      training: { epochs: 1 },
    },
  },
  Nectar: {
    settings: { data: { train: 'hub:berkeley-nest/Nectar:train', eval: EVALUATED_PAIRS }, training: { epochs: 1 } },
    mark: 'Nectar is paired best against worst; the paper does not say how; accuracy on 2,000 held-out pairs',
  },
};
