/**
 * Plans against figures that stand elsewhere: sizes of Llama-2-7B, operations of a step of 8 pairs with 512 tokens each
 * of prompt, chosen and rejected (counted by hand: 338 TFLOP without recomputation, 501 with all layers recomputed).
 */
import { describe, expect, it } from 'vitest';
import { runSchema } from '../../src/config/schema.js';
import { DEVICES, planRun, modelShapeOf, type PlanInput } from '../../src/planning/index.js';
import { bodyWeights } from '../../src/planning/model-shape.js';
import { activationBytesPerToken, adapterWeights, weightBytes } from '../../src/planning/memory-parts.js';

const llama7B = modelShapeOf(
  {
    model_type: 'llama',
    architectures: ['LlamaForCausalLM'],
    hidden_size: 4096,
    intermediate_size: 11008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    vocab_size: 32000,
    tie_word_embeddings: false,
  },
  'config.json',
);
const PAIR = { prompt: 512, chosen: 512, rejected: 512 };
const pairs = Array.from({ length: 80 }, () => PAIR);

function planWith(policy: Record<string, unknown> = {}, device = 'H200'): ReturnType<typeof planRun> {
  const config = runSchema.parse({
    policy: {
      model: 'llama',
      quantization: 'nf4',
      dtype: 'bfloat16',
      lora: { target_modules: ['all-linear'] },
      ...policy,
    },
    references: [{ model: 'policy' }, { name: 'other', model: 'other' }],
    data: { train: 'pairs.jsonl' },
    training: { epochs: 1, batch_size: 8 },
  }) as PlanInput['config'];
  const known = DEVICES[device];
  if (known === undefined) throw new Error(`no device ${device}`);
  return planRun({
    config,
    policy: llama7B,
    references: [undefined, llama7B],
    train: pairs,
    held: pairs.slice(0, 8),
    device: known,
  });
}

describe('sizes', () => {
  it('counts the weights of the layers of Llama-2-7B: 6.476 billion', () => {
    expect(bodyWeights(llama7B) / 1e9).toBeCloseTo(6.476, 3);
  });

  it.each([
    ['all linear layers', ['all-linear'], 20.0],
    ['the attention projections', ['q_proj', 'k_proj', 'v_proj', 'o_proj'], 8.4],
    ['queries and values', ['q_proj', 'v_proj'], 4.2],
  ])('counts the adapter of rank 8 on %s', (_what, targets, millions) => {
    expect(adapterWeights(llama7B, 8, targets) / 1e6).toBeCloseTo(millions, 1);
  });

  it('takes 3.86 GB for NF4 weights with double quantisation', () => {
    expect(weightBytes(llama7B, 'nf4', 'bfloat16') / 1e9).toBeCloseTo(3.86, 1);
  });

  it('takes two bytes a weight in bfloat16', () => {
    expect(weightBytes(llama7B, 'none', 'bfloat16')).toBe(2 * (bodyWeights(llama7B) + 2 * 32000 * 4096));
  });
});

describe('activations', () => {
  // Peaks of the engine's step on a fake GPU (py_backend/tests/cuda/test_memory.py), bytes a token.
  it.each([
    [0, 4_252_937],
    [1, 448_764],
  ])('with a share of %d of the layers recomputed are 0.9 to 1.3 of what the engine needs', (recomputed, needed) => {
    const planned = activationBytesPerToken(llama7B, {
      format: 'bfloat16',
      everyMatrixTrained: true,
      recomputed,
      seen: 700,
      scored: 2 / 3,
      keepsProbabilities: false,
    });
    expect(planned / needed).toBeGreaterThan(0.9);
    expect(planned / needed).toBeLessThan(1.3);
  });
});

describe('planRun', () => {
  it('counts masters, gradients and two moments in float32 for full fine-tuning in bfloat16: 16 bytes a weight', () => {
    const { memory, trainableWeights } = planWith({ lora: 'off', quantization: 'none' });
    expect(memory.gradientsAndOptimizer).toBe(16 * trainableWeights);
    const float32 = planWith({ lora: 'off', quantization: 'none', dtype: 'float32' });
    expect(float32.memory.gradientsAndOptimizer).toBe(12 * trainableWeights);
  });

  it.each([
    ['A100-80', 19.5 / 312],
    ['H100', 67 / 989],
  ])('takes float32 on an %s at its own peak, without TF32', (device, share) => {
    const settings = { quantization: 'none', gradient_checkpointing: 'off' };
    const [half, float32] = ['bfloat16', 'float32'].map((dtype) => planWith({ ...settings, dtype }, device));
    expect((half?.secondsPerStep ?? 0) / (float32?.secondsPerStep ?? 0)).toBeCloseTo(share, 5);
  });

  it('counts 338 TFLOP a step without recomputation and 501 with, within 2 %', () => {
    expect(planWith({ gradient_checkpointing: 'off' }).flopsPerStep / 1e12 / 338).toBeCloseTo(1, 1.7);
    expect(planWith({ gradient_checkpointing: 'full' }).flopsPerStep / 1e12 / 501).toBeCloseTo(1, 1.7);
  });

  it('says that a 7B model in 16 bits with full fine-tuning does not fit a T4, and that NF4 with an adapter does', () => {
    expect(planWith({ quantization: 'none', lora: 'off' }, 'T4').fits).toBe(false);
    expect(planWith({}, 'T4').fits).toBe(true);
  });

  it('dequantises NF4 weights once where memory allows: 2 bytes for each of 6.476 billion', () => {
    expect(planWith({}, 'H200').memory.writtenOut / 1e9).toBeCloseTo(12.95, 1);
    expect(planWith({}, 'A100-40').memory.writtenOut).toBe(0);
    expect(planWith({ quantization: 'none' }, 'H200').memory.writtenOut).toBe(0);
  });

  it('recomputes more where memory is short', () => {
    const amount = { off: 0, selective: 1, full: 2 };
    expect(amount[planWith({}, 'T4').checkpointing]).toBeGreaterThan(amount[planWith({}, 'H200').checkpointing]);
  });

  it('adds up: parts to the total, phases to the time', () => {
    const { memory, scoring, trainingSeconds, evaluationSeconds, totalSeconds, steps, secondsPerStep } = planWith();
    const { total, ...parts } = memory;
    expect(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)).toBeCloseTo(total, 3);
    expect(steps).toBe(10);
    expect(trainingSeconds).toBeCloseTo(steps * secondsPerStep, 6);
    expect(scoring.map(({ reference }) => reference)).toEqual(['policy', 'other']);
    expect(totalSeconds).toBeCloseTo(
      scoring.reduce((sum, { seconds }) => sum + seconds, 0) + trainingSeconds + evaluationSeconds,
      6,
    );
  });
});

describe('shapeOf', () => {
  it('reads GPT-2 names and a text configuration inside a larger one', () => {
    const gpt2 = modelShapeOf(
      { model_type: 'gpt2', n_embd: 768, n_layer: 12, n_head: 12, vocab_size: 50257 },
      'config.json',
    );
    expect(gpt2).toMatchObject({ layers: 12, width: 768, mlpWidth: 3072, gated: false, tied: true });
    const inside = modelShapeOf(
      {
        text_config: {
          model_type: 'llama',
          hidden_size: 8,
          num_hidden_layers: 1,
          num_attention_heads: 2,
          vocab_size: 9,
        },
      },
      'c',
    );
    expect(inside).toMatchObject({ layers: 1, width: 8 });
  });

  it('names the size that is missing', () => {
    expect(() => modelShapeOf({ hidden_size: 8 }, 'config.json')).toThrow(
      'config.json: expected a number at num_attention_heads or n_head, got none',
    );
  });
});
