/**
 * Sizes of a causal language model, read from its `config.json`: enough to count weights, operations and activations
 * without loading anything.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { MrpoError } from '../core/errors.js';

/** Sizes of a model, in numbers per vector, not in bytes. */
export interface ModelShape {
  /** "LlamaForCausalLM", or the model type where config.json names no class. */
  readonly architecture: string;
  readonly layers: number;
  /** d: width of the hidden states. */
  readonly width: number;
  /** Outputs of the query projection: heads times width of a head. */
  readonly queryWidth: number;
  /** Outputs of the key projection, and of the value projection. */
  readonly keyWidth: number;
  readonly heads: number;
  /** f: width of the feed-forward part; it has three matrices when gated, else two. */
  readonly mlpWidth: number;
  readonly gated: boolean;
  readonly vocabulary: number;
  /** Whether the output head is the embedding matrix. */
  readonly tied: boolean;
}

/** Families whose feed-forward part has two matrices; all others of today have a gate. */
const UNGATED = /^(gpt2|gpt_neo|gpt_neox|gptj|opt|phi|bloom|falcon|starcoder2)$/;

/**
 * Reads the shape of a local model folder, or of a hub model that lies in the Hugging Face cache.
 * @throws MrpoError `model` when there is no config.json, or one that lacks a size.
 */
export function readModelShape(
  source: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): ModelShape {
  const path = findConfig(source, env);
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new MrpoError('model', `${path}: expected JSON`, { cause });
  }
  return modelShapeOf(parsed as Record<string, unknown>, path);
}

/** Shape from a parsed config.json; `where` names it in errors. */
export function modelShapeOf(config: Readonly<Record<string, unknown>>, where: string): ModelShape {
  const text = (config['text_config'] ?? config) as Record<string, unknown>;
  const number = (...names: string[]): number | undefined => {
    const value = names.map((name) => text[name]).find((found) => typeof found === 'number');
    return typeof value === 'number' ? value : undefined;
  };
  const need = (...names: string[]): number => {
    const value = number(...names);
    if (value === undefined)
      throw new MrpoError('model', `${where}: expected a number at ${names.join(' or ')}, got none`);
    return value;
  };
  const width = need('hidden_size', 'n_embd');
  const heads = need('num_attention_heads', 'n_head');
  const headWidth = number('head_dim') ?? width / heads;
  const kind = typeof text['model_type'] === 'string' ? text['model_type'] : '';
  const architectures = config['architectures'];
  const named: unknown = Array.isArray(architectures) ? architectures[0] : undefined;
  return {
    architecture: typeof named === 'string' ? named : kind,
    layers: need('num_hidden_layers', 'n_layer'),
    width,
    queryWidth: heads * headWidth,
    keyWidth: (number('num_key_value_heads') ?? heads) * headWidth,
    heads,
    mlpWidth: number('intermediate_size', 'n_inner', 'ffn_dim') ?? 4 * width,
    gated: !UNGATED.test(kind),
    vocabulary: need('vocab_size'),
    tied:
      text['tie_word_embeddings'] === true || (text['tie_word_embeddings'] === undefined && /^(gpt2|gemma)/.test(kind)),
  };
}

/** Weights that take part in a matrix product for every token: all layers, without norms and biases. */
export function bodyWeights(shape: ModelShape): number {
  const attention = 2 * shape.width * shape.queryWidth + 2 * shape.width * shape.keyWidth;
  return shape.layers * (attention + (shape.gated ? 3 : 2) * shape.width * shape.mlpWidth);
}

/** Weights of the embedding, and of the head where it is a matrix of its own. */
export const embeddingWeights = (shape: ModelShape): number => (shape.tied ? 1 : 2) * shape.vocabulary * shape.width;

function findConfig(source: string, env: Readonly<Record<string, string | undefined>>): string {
  const direct = join(source, 'config.json');
  if (existsSync(direct)) return direct;
  const cache = env['HF_HUB_CACHE'] ?? join(env['HF_HOME'] ?? join(homedir(), '.cache', 'huggingface'), 'hub');
  const snapshots = join(cache, `models--${source.replaceAll('/', '--')}`, 'snapshots');
  const cached = existsSync(snapshots)
    ? readdirSync(snapshots).map((name) => join(snapshots, name, 'config.json'))
    : [];
  const found = cached.find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new MrpoError(
    'model',
    `${source}: expected a model folder with a config.json, found none there or in ${cache}`,
    {
      hint: 'A plan needs only config.json: give the folder of the model. A .gguf file has none.',
    },
  );
}
