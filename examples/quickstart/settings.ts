/** The two runs: the same policy, pairs, seed and training settings; only references and loss differ. */
import type { RunConfigInput } from 'mrpo';
import type { World } from './world.js';

type Part = Pick<RunConfigInput, 'references' | 'objective'>;

const BETA = 0.1;

/** DPO: kept near the policy's own start. */
const dpo: Part = {
  references: [{ name: 'self', model: 'policy' }],
  objective: { loss: 'dpo', beta: BETA },
};

/** MRPO: kept near its own start and two models that know other things, with the paper's trust region and weights. */
const mrpo = ({ models }: World): Part => ({
  references: [
    { name: 'self', model: 'policy' },
    { name: 'mistral', model: models.mistral },
    { name: 'qwen', model: models.qwen },
  ],
  objective: {
    loss: 'mrpo',
    beta: BETA,
    clip: { mode: 'adaptive', epsilon_max: 0.1 },
    weights: 'arwc',
    pooling: 'harmonic',
  },
});

/** Configurations by the name they have in the table. `output` gets one folder per run. */
export function runConfigs(world: World, output: string): Readonly<Record<'DPO' | 'MRPO', RunConfigInput>> {
  const common = (name: string, part: Part): RunConfigInput => ({
    policy: {
      model: world.models.llama,
      lora: {
        r: 8,
        alpha: 16,
        target_modules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
      },
    },
    ...part,
    data: { train: world.train, eval: world.heldOut, max_length: 128 },
    // A rate for LoRA on a model this small; large models want 1e-5 to 1e-4.
    training: { learning_rate: 1e-3, epochs: 2, batch_size: 16, seed: 0 },
    generate: { samples: 6, max_new_tokens: 16 },
    output: `${output}/${name}`,
  });
  return { DPO: common('dpo', dpo), MRPO: common('mrpo', mrpo(world)) };
}
