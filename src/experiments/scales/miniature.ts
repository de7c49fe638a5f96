/** The whole matrix on small models that are made here in a minute: it checks the machinery, not the claim. */
import { join } from 'node:path';
import { PROFILES } from '../../tasks/index.js';
import type { Choice, ModelChoice, Scale } from './scale.js';

const LAYERS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];

/**
 * The scale of the miniature world: minutes on a CPU.
 * @param world Folder of `python -m py_backend.miniature FOLDER --paper`.
 */
export function miniature(world: string): Scale {
  const model = (...place: string[]): ModelChoice => {
    const settings = { model: join(world, ...place) };
    return { asPolicy: settings, asReference: settings };
  };
  const set = (name: string, epochs: number): Choice => ({
    settings: {
      data: { train: join(world, 'paper', `${name}-train.jsonl`), eval: join(world, 'paper', `${name}-test.jsonl`) },
      training: { epochs },
    },
  });
  return {
    name: 'miniature',
    summary: 'models of a million weights and made-up pairs, minutes on two cores',
    claim:
      'This scale checks the machinery, not the claim: its models and pairs are made up, and its values say nothing about the paper.',
    base: {
      policy: { lora: { r: 8, alpha: 16, target_modules: LAYERS } },
      data: { max_length: 128 },
      // A rate for LoRA on models this small; the paper's 1e-5 would not move them in so few steps.
      training: { learning_rate: 3e-4, batch_size: 8, logging_steps: 8 },
      generate: { samples: 0 },
    },
    models: {
      L: model('llama'),
      M: model('mistral'),
      Q: model('qwen'),
      T: model('paper', 'tiny'),
      A: model('paper', 'alpaca'),
    },
    small: { S1: set('s1', 3), S2: set('s2', 3), S3: set('s3', 3) },
    big: { HelpSteer: set('helpsteer', 1), UltraFeedback: set('ultrafeedback', 1), Nectar: set('nectar', 1) },
    fullFineTuning: { settings: { policy: { lora: 'off' } } },
    tasks: PROFILES.paper.map(({ name, title }) => ({
      name,
      title,
      tasks: [{ name: join(world, 'tasks', `${name}.yaml`) }],
      of: [[`miniature_${name}`, name === 'gsm8k' ? 'exact_match' : 'acc', 'none']],
    })),
    // The invented Mistral has fewer words than the Llama.
    secondReference: 'Q',
    seeds: { small: 5, big: 3 },
    oneThread: true,
    comparesValues: false,
  };
}
