/** The paper's matrix on models of 0.1 to 1 billion weights: one GPU, a night. */
import { HUB_BIG_SETS, HUB_SMALL_SETS } from './hub-sets.js';
import type { BigSet, Choice, ModelChoice, Scale } from './scale.js';

const model = (id: string): ModelChoice => ({ asPolicy: { model: id }, asReference: { model: id } });

/** Pairs of the big sets that are used: enough to see a difference of three points. */
const LIMIT = 6000;

const limited = ({ settings, mark }: Choice): Choice => ({
  settings: { ...settings, data: { ...(settings['data'] as object), limit: LIMIT } },
  mark: [mark, `the first ${LIMIT} pairs by seed`].filter((part) => part !== undefined).join('; '),
});

/** The scale that asks whether the claim holds for other models. */
export const small: Scale = {
  name: 'small',
  summary: 'models of 0.1 to 1 billion weights, a night on one GPU',
  claim:
    "Other models than the paper's: this asks whether its claim holds more generally, not whether its numbers are right.",
  base: {
    policy: {
      lora: {
        r: 16,
        alpha: 32,
        target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
      },
    },
    data: { max_length: 1024 },
    training: { learning_rate: 5e-5, batch_size: 8, logging_steps: 8 },
    generate: { samples: 0 },
  },
  models: {
    L: model('HuggingFaceTB/SmolLM2-360M-Instruct'),
    M: model('Qwen/Qwen2.5-0.5B-Instruct'),
    Q: model('google/gemma-3-1b-it'),
    T: model('HuggingFaceTB/SmolLM2-135M-Instruct'),
    A: model('HuggingFaceTB/SmolLM2-360M'),
  },
  small: HUB_SMALL_SETS,
  big: Object.fromEntries(Object.entries(HUB_BIG_SETS).map(([name, choice]) => [name, limited(choice)])) as Record<
    BigSet,
    Choice
  >,
  fullFineTuning: { settings: { policy: { lora: 'off' }, training: { learning_rate: 1e-6 } } },
  tasks: 'paper',
  secondReference: 'M',
  seeds: { small: 5, big: 3 },
  device: 'A100-80',
  comparesValues: false,
};
