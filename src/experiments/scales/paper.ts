/** The paper's own models and data: one A100-80 or H100, about 160 or 50 hours. */
import { findPreset } from '../../config/index.js';
import type { Settings } from '../../config/merge.js';
import { HUB_BIG_SETS, HUB_SMALL_SETS } from './hub-sets.js';
import type { ModelChoice, Scale } from './scale.js';

/** As in the released code: the policy in float16, further references in NF4. */
const model = (id: string, mark?: string): ModelChoice => ({
  asPolicy: { model: id, dtype: 'float16' },
  asReference: { model: id, quantization: 'nf4', dtype: 'float16' },
  mark,
});

const { policy, data, training } = (findPreset('paper-small')?.settings ?? {}) as Readonly<Record<string, Settings>>;

/** The scale whose numbers may be compared with the paper's. */
export const paper: Scale = {
  name: 'paper',
  summary: "the paper's models and data sets, days on one A100-80 or H100",
  claim: "The paper's models and data as far as they are known; what is inferred is marked.",
  base: {
    policy: { lora: policy?.['lora'], gradient_checkpointing: policy?.['gradient_checkpointing'] },
    data: { max_length: data?.['max_length'], truncation: data?.['truncation'], template: data?.['template'] },
    training,
    generate: { samples: 0 },
  },
  models: {
    L: model('meta-llama/Llama-2-7b-chat-hf'),
    M: model('teknium/OpenHermes-2.5-Mistral-7B'),
    Q: model('Qwen/Qwen1.5-7B-Chat'),
    T: model('TinyLlama/TinyLlama-1.1B-Chat-v1.0'),
    A: model('tatsu-lab/alpaca-7b-wdiff', 'the id of the Llama tuned on Alpaca is not known'),
  },
  small: HUB_SMALL_SETS,
  big: HUB_BIG_SETS,
  fullFineTuning: {
    settings: { policy: { lora: 'off', dtype: 'bfloat16' }, training: { optim: 'paged_adamw_8bit' } },
    mark: 'settings of full fine-tuning are not in the paper: bfloat16, paged 8-bit AdamW',
  },
  tasks: 'paper',
  secondReference: 'M',
  seeds: { small: 5, big: 3 },
  device: 'A100-80',
  comparesValues: true,
};
