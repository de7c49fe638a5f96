/**
 * The paper's small data sets (arXiv 2405.16388, section 4.1): a few hundred pairs, 3 epochs. Settings the text leaves
 * out are those of the authors' released code: LoRA r 8, alpha 16 on q_proj and v_proj; policy and RefM1 in float16,
 * only the second reference in NF4; AdamW without decay, cosine without warm-up; 1,024 tokens shared between prompt
 * and response in proportion to their lengths; the "Human: ... Assistant: " template for every model.
 * Models are those of the direction Llama <- Mistral; naming others in the file replaces them.
 */
import type { Preset } from './preset.js';

/** Two references, the second in NF4; LoRA on two modules; 3 epochs of batches of 8 pairs. */
export const paperSmallPreset: Preset = {
  name: 'paper-small',
  summary:
    'The paper on its small data sets: Llama-2-7b-chat against itself and OpenHermes-2.5-Mistral (NF4), 3 epochs.',
  settings: {
    policy: {
      model: 'meta-llama/Llama-2-7b-chat-hf',
      quantization: 'none',
      dtype: 'float16',
      lora: { r: 8, alpha: 16, dropout: 0, target_modules: ['q_proj', 'v_proj'] },
      gradient_checkpointing: 'full',
    },
    references: [
      { name: 'RefM1', model: 'policy' },
      { name: 'RefM2', model: 'teknium/OpenHermes-2.5-Mistral-7B', quantization: 'nf4', dtype: 'float16' },
    ],
    data: { eval: 0.1, max_length: 1024, truncation: 'paper', template: 'paper' },
    objective: {
      loss: 'mrpo',
      variant: 'sigmoid',
      beta: 0.1,
      normalization: 'sum',
      label_smoothing: 0,
      clip: { mode: 'adaptive', epsilon_max: 0.1 },
      weights: 'arwc',
      weights_on: 'sum',
      pooling: 'harmonic',
    },
    training: {
      learning_rate: 1e-5,
      lr_scheduler_type: 'cosine',
      warmup_ratio: 0,
      epochs: 3,
      batch_size: 8,
      optim: 'adamw',
      adam_beta1: 0.9,
      adam_beta2: 0.999,
      adam_epsilon: 1e-8,
      weight_decay: 0,
      max_grad_norm: 1,
    },
  },
};
