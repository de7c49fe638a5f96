/**
 * A {@link Backend} without Python: toy language models with closed-form log-probs and gradients, all in float64 and
 * deterministic. It keeps the promises of the real backend and passes the same contract tests, so that everything above
 * the seam can be run and tested in milliseconds. Models are named `toy:NAME`; another name is another model with
 * other weights and perhaps another tokenizer.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { throwIfAborted } from '../core/abort.js';
import { contentHash, sha256 } from '../core/hash.js';
import { eachSide } from '../core/sides.js';
import {
  PROTOCOL_VERSION,
  completeTrainerSpec,
  type Backend,
  type CallOptions,
  type CommitResult,
  type LoadedModel,
  type ModelIdentity,
  type ModelSpec,
  type PairText,
  type ScoreChunk,
  type ServerInfo,
  type Trainer,
  type TrainerSpec,
} from './backend.js';
import { BackendFault } from './fault.js';
import { toyCheckpoint, readToyCheckpoint } from './toy/toy-checkpoint.js';
import { readToy, readToyAdapter, writeToy } from './toy/toy-files.js';
import { generateTokens } from './toy/toy-generate.js';
import { PARAMETERS, VOCABULARY, seedOf, sequenceLogp } from './toy/toy-model.js';
import {
  TOY_TEMPLATE,
  decodeTokens,
  encodePair,
  encodePrompt,
  type ToyRow,
  type ToyTokenizer,
} from './toy/toy-text.js';
import { createAdapter, createToyTrainer, effectiveWeights, type ToyAdapter } from './toy/toy-trainer.js';

/** Faults that tests and examples want to see; without options a toy never fails. */
export interface MemoryBackendOptions {
  /** Models without a chat template of their own, by source. */
  readonly withoutChatTemplate?: readonly string[];
  /** A forward of more rows than this runs out of memory. Default: never. */
  readonly maxForwardRows?: number;
  /** Default 4096: a few toy pairs are not cut. */
  readonly saturatingTokens?: number;
  /** A response that contains this text scores NaN, as an overflowing model would. Default: none. */
  readonly brokenText?: string;
}

interface Toy {
  readonly spec: ModelSpec;
  readonly name: string;
  readonly weights: Float64Array;
  readonly tokenizer: ToyTokenizer;
  readonly hasChatTemplate: boolean;
  adapter: ToyAdapter | undefined;
  training: boolean;
}

interface ToyRowSet {
  readonly model: string;
  readonly rows: readonly ToyRow[];
}

const SCORE_CHUNK_ROWS = 16;

/**
 * A new backend with nothing loaded.
 * @example
 * const backend = createMemoryBackend();
 * const { handle, parameters } = await backend.loadModel({ source: 'toy:policy' });
 */
export function createMemoryBackend(options: MemoryBackendOptions = {}): Backend {
  const toys = new Map<string, Toy>();
  const rowSets = new Map<string, ToyRowSet>();
  let [handles, closed] = [0, false];
  const incarnation = `memory-${(incarnations += 1)}`;

  const enter = (call?: CallOptions): void => {
    throwIfAborted(call?.signal);
    if (closed) throw new BackendFault('unreachable', 'the in-memory backend is closed');
  };
  const toyOf = (handle: string): Toy => toys.get(handle) ?? unknownHandle('model', handle);
  const rowSetOf = (handle: string): ToyRowSet => rowSets.get(handle) ?? unknownHandle('row set', handle);
  const newHandle = (kind: string): string => `${kind}-${(handles += 1)}`;

  async function read(spec: ModelSpec): Promise<Toy> {
    const { name, weights } = await readToy(spec.source);
    const extra = spec.adapter === undefined ? undefined : await readToyAdapter(spec.adapter);
    const full = extra === undefined ? weights : weights.map((weight, i) => weight + (extra[i] ?? 0));
    const hasChatTemplate =
      spec.chatTemplate !== undefined || options.withoutChatTemplate?.includes(spec.source) !== true;
    const words = spec.tokenizer === undefined ? name : (await readToy(spec.tokenizer)).name;
    const tokenizer: ToyTokenizer = { pieceLength: seedOf(words) % 2 === 0 ? 1 : 2 };
    return {
      spec,
      name,
      weights: quantize(full, spec),
      tokenizer,
      hasChatTemplate,
      adapter: undefined,
      training: false,
    };
  }

  function rowsOf(handle: string, indices: readonly number[]): readonly ToyRow[] {
    const { rows } = rowSetOf(handle);
    return indices.map((index) => {
      const row = rows[index];
      if (row === undefined) {
        throw new BackendFault('row_invalid', `row ${index}: the row set has rows 0 to ${rows.length - 1}`);
      }
      if (row.facts.unusable !== undefined) {
        throw new BackendFault('row_invalid', `row ${index} cannot be scored: ${row.facts.unusable}`);
      }
      return row;
    });
  }

  /** The current policy, or its start. */
  function weightsOf(toy: Toy, adapterOff: boolean): Float64Array {
    if (toy.adapter === undefined) return toy.weights;
    if (!adapterOff) return effectiveWeights(toy.adapter);
    if (toy.adapter.scale === undefined && toy.adapter.updates > 0) {
      throw new BackendFault(
        'unsupported',
        'full fine-tuning has changed the start of the policy: no adapter to turn off',
      );
    }
    return toy.weights;
  }

  async function* score(
    handle: string,
    call: CallOptions & { readonly rows?: readonly number[]; readonly adapterOff?: boolean } = {},
  ): AsyncGenerator<ScoreChunk> {
    enter(call);
    const { model, rows } = rowSetOf(handle);
    const usable = rows.flatMap((row, index) => (row.facts.unusable === undefined ? [index] : []));
    const asked = call.rows ?? usable;
    rowsOf(handle, asked);
    const weights = weightsOf(toyOf(model), call.adapterOff === true);
    const lengthOf = (index: number): number =>
      (rows[index]?.facts.chosenTokens ?? 0) + (rows[index]?.facts.rejectedTokens ?? 0);
    const sorted = [...asked].sort((a, b) => lengthOf(b) - lengthOf(a) || a - b);
    for (let start = 0; start < sorted.length; start += SCORE_CHUNK_ROWS) {
      await nextTurn();
      enter(call);
      const chunk = sorted.slice(start, start + SCORE_CHUNK_ROWS);
      const scored = rowsOf(handle, chunk);
      yield {
        rows: chunk,
        logps: eachSide((side) => Float64Array.from(scored, (row) => sequenceLogp(weights, row[side]))),
      };
      call.onProgress?.({ stage: 'score', done: start + chunk.length, total: sorted.length, unit: 'rows' });
    }
  }

  async function createTrainer(
    model: string,
    rowSet: string,
    given: TrainerSpec,
    call?: CallOptions,
  ): Promise<Trainer> {
    const spec = completeTrainerSpec(given);
    enter(call);
    const toy = toyOf(model);
    if (rowSetOf(rowSet).model !== model) {
      throw new BackendFault('unknown_handle', `row set "${rowSet}" belongs to another model than "${model}"`);
    }
    if (toy.training) throw new BackendFault('unsupported', `model "${model}" has a trainer already`);
    const adapter = createAdapter(toy.weights, spec);
    const trainer = createToyTrainer(adapter, spec, (indices) => rowsOf(rowSet, indices));
    let lastCommit: CommitResult | undefined;
    Object.assign(toy, { adapter, training: true });
    return {
      trainableParameters: PARAMETERS,
      trainedModules: adapter.modules,
      deterministic: spec.deterministic,
      checkpointing: spec.checkpointing === 'auto' ? 'off' : spec.checkpointing,
      microBatchTokens: 4096,
      saturatingTokens: options.saturatingTokens ?? 4096,
      async forward(request) {
        enter();
        if (request.rows.length > (options.maxForwardRows ?? Infinity)) {
          throw new BackendFault('out_of_memory', `forward of ${request.rows.length} rows; nothing was applied`);
        }
        return trainer.forward(request);
      },
      async backward(step, microBatch, gradients) {
        enter();
        const started = performance.now();
        trainer.backward(step, microBatch, gradients);
        return { seconds: (performance.now() - started) / 1000 };
      },
      async commit(request) {
        enter();
        return (lastCommit = trainer.commit(request));
      },
      async saveCheckpoint(step) {
        enter();
        return toyCheckpoint(trainer.state(step));
      },
      async loadCheckpoint(pieces) {
        enter();
        const state = await readToyCheckpoint(pieces);
        trainer.restore(state);
        lastCommit = undefined;
        return state.step;
      },
      async reopen() {
        enter();
        trainer.abort(trainer.committedStep + 1);
        return { committedStep: trainer.committedStep, lastCommit };
      },
      async abort(step) {
        enter();
        trainer.abort(step);
      },
      async close() {
        toy.training = false;
      },
    };
  }

  return {
    async info(call) {
      enter(call);
      return serverInfo(incarnation);
    },
    async identifyModel(spec, call) {
      enter(call);
      return identityOf(await read(spec));
    },
    async loadModel(spec, call) {
      enter(call);
      const toy = await read(spec);
      call?.onProgress?.({ stage: 'load', done: PARAMETERS, total: PARAMETERS, unit: 'weights' });
      const handle = newHandle('model');
      toys.set(handle, toy);
      return describe(handle, toy);
    },
    async unloadModel(handle) {
      enter();
      toys.delete(handle);
      for (const [rows, set] of rowSets) if (set.model === handle) rowSets.delete(rows);
    },
    async registerRows(model, pairs, rule, call) {
      enter(call);
      const toy = toyOf(model);
      const rows: ToyRow[] = [];
      for await (const pair of pairs) {
        enter(call);
        if (!pair.plain && rule.template === 'chat' && !toy.hasChatTemplate) {
          throw new BackendFault('chat_template_missing', `model "${toy.spec.source}" has no chat template`, {
            hint: 'Give it a chat_template in the configuration.',
          });
        }
        rows.push(breakRow(encodePair(pair, rule, toy.tokenizer), pair, options.brokenText));
      }
      const handle = newHandle('rows');
      rowSets.set(handle, { model, rows });
      return { handle, rows: rows.map((row) => row.facts) };
    },
    score,
    async *generate(model, prompts, call) {
      enter(call);
      const toy = toyOf(model);
      for (const [index, prompt] of prompts.entries()) {
        await nextTurn();
        enter(call);
        const sampling = {
          maxNewTokens: call.maxNewTokens,
          temperature: call.temperature ?? 0,
          topP: call.topP ?? 1,
          seed: (call.seed ?? 0) + index,
        };
        const context = encodePrompt(prompt.messages, prompt.plain, toy.tokenizer);
        const { tokens, finished } = generateTokens(weightsOf(toy, call.adapterOff === true), context, sampling);
        yield { index, text: decodeTokens(tokens), tokens: tokens.length, finished };
      }
    },
    async evaluateTasks(_model, _tasks, call) {
      enter(call);
      throw new BackendFault('unsupported', 'evaluating tasks: the in-memory backend has no lm-evaluation-harness');
    },
    createTrainer,
    async exportModel(model, path, call) {
      enter(call);
      const toy = toyOf(model);
      const content = { name: toy.name, base: toy.weights, adapter: toy.adapter };
      return writeToy(path, { ...content, ...call });
    },
    async *readDataset(dataset, call) {
      enter(call);
      throw new BackendFault('dataset_not_found', `dataset "${dataset}": the in-memory backend has no hub`);
    },
    async close() {
      closed = true;
    },
  };
}

let incarnations = 0;

function serverInfo(incarnation: string): ServerInfo {
  return {
    protocolVersion: PROTOCOL_VERSION,
    incarnation,
    serverVersion: 'memory',
    device: 'memory',
    deviceName: 'in-memory toy backend',
    deviceMemoryBytes: 0,
    deviceMemoryFreeBytes: 0,
    threads: 1,
    maxMessageBytes: Infinity,
    versions: { node: process.versions.node },
    processId: process.pid,
    capabilities: ['train', 'score', 'generate', 'nf4', 'int8'],
    peakMemoryBytes: 0,
    clientGraceSeconds: 0,
    models: [],
  };
}

function identityOf(toy: Toy): ModelIdentity {
  const template = toy.spec.chatTemplate ?? (toy.hasChatTemplate ? TOY_TEMPLATE : '');
  return {
    weights: contentHash([...toy.weights]),
    tokenizer: contentHash(toy.tokenizer),
    chatTemplate: sha256(template),
    numericPath: `memory float64 ${toy.spec.quantization ?? 'none'}`,
    revision: toy.spec.revision ?? '',
  };
}

function describe(handle: string, toy: Toy): LoadedModel {
  return {
    handle,
    identity: identityOf(toy),
    architecture: 'ToyBigram',
    parameters: PARAMETERS,
    vocabulary: VOCABULARY,
    layers: 1,
    hiddenSize: VOCABULARY,
    hasChatTemplate: toy.hasChatTemplate,
    memoryBytes: 8 * PARAMETERS,
    contextLength: 0,
    layout: 'shared',
    layoutNote: '',
    dtype: 'float64',
    notes: [],
  };
}

/** Quantised toys are coarser, so that their numbers differ as those of a real quantised model do. */
function quantize(weights: Float64Array, spec: ModelSpec): Float64Array {
  if (spec.quantization === undefined || spec.quantization === 'none') return weights;
  const levels = spec.quantization === 'nf4' ? 8 : 128;
  return weights.map((weight) => Math.round(weight * levels) / levels);
}

/** A token outside the vocabulary makes its log-prob NaN. */
function breakRow(row: ToyRow, pair: PairText, brokenText: string | undefined): ToyRow {
  if (brokenText === undefined) return row;
  const breakSide = (side: 'chosen' | 'rejected'): ToyRow['chosen'] =>
    pair[side].some((message) => message.content.includes(brokenText)) ? { ...row[side], tokens: [-1] } : row[side];
  return { ...row, chosen: breakSide('chosen'), rejected: breakSide('rejected') };
}

function unknownHandle(kind: string, handle: string): never {
  throw new BackendFault('unknown_handle', `no ${kind} "${handle}" in this backend`);
}
