/**
 * The seam: what the control plane asks of an accelerator. The Python gRPC backend and the in-memory toy backend both
 * implement {@link Backend} and pass the same contract tests. It speaks of log-probabilities and gradients, never of a loss.
 */
import type { JsonValue } from '../core/json.js';
import type { Sides } from '../core/sides.js';

/** Of the messages between this program and a backend; both must speak the same. */
export const PROTOCOL_VERSION = 2;

/** Taken by every call that may be long. Without a signal it runs to its end; without `onProgress` silently. */
export interface CallOptions {
  /** Stops the call, which then rejects with code `aborted`. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Long work: `done` of `total` (0 = not known) in `unit`s. */
export interface Progress {
  /** "hash", "load", "quantize", "tokenize", "score", "generate" or "write". */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  /** "bytes", "rows" or "weights". */
  readonly unit: string;
}

/** Who answers, on which device, and what it can do. Memory in bytes. */
export interface ServerInfo {
  /** A client refuses one that is not {@link PROTOCOL_VERSION}. */
  readonly protocolVersion: number;
  /** Random per process: another value means that all state is gone. */
  readonly incarnation: string;
  /** Version of mrpo that answers; "memory" for the toy. */
  readonly serverVersion: string;
  /** "cpu", "cuda:0", or "memory" for the toy. */
  readonly device: string;
  /** Product name of the GPU or the processor. */
  readonly deviceName: string;
  /** In all; of a CPU the machine's memory. 0 for the toy. */
  readonly deviceMemoryBytes: number;
  readonly deviceMemoryFreeBytes: number;
  /** CPU threads of torch. */
  readonly threads: number;
  /** Largest message it takes, in bytes. */
  readonly maxMessageBytes: number;
  /** Of python, torch, transformers and what else decides numbers, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** On the backend's own machine. */
  readonly processId: number;
  /** Of "train", "score", "generate", "nf4", "int8", "gguf": what this machine can do. */
  readonly capabilities: readonly string[];
  /** Since its start: of the process on a CPU, of the device on a GPU. */
  readonly peakMemoryBytes: number;
  /** How long the models of a client that has gone stay in memory; 0 = this is not known of it. */
  readonly clientGraceSeconds: number;
  /** In memory now, of all clients, oldest first. */
  readonly models: readonly HeldModel[];
}

/** A model in a backend's memory. */
export interface HeldModel {
  readonly modelHandle: string;
  /** As it was asked for. */
  readonly source: string;
  /** Of its weights, as they were loaded. */
  readonly memoryBytes: number;
  /** Since the last sign of life of its clients; 0 while a call of one is open, undefined if they have no name. */
  readonly awaySeconds?: number | undefined;
}

/** How weights lie in memory: as the number format says, in 4 bits (NormalFloat), or in 8. Default none. */
export type Quantization = 'none' | 'nf4' | 'int8';

/** Everything that decides what numbers a model gives. */
export interface ModelSpec {
  /** A folder, a hub id, or a `.gguf` file. */
  readonly source: string;
  /** Branch, tag or commit of a hub id. Default: the default branch. */
  readonly revision?: string | undefined;
  /** A PEFT adapter folder or hub id on top. */
  readonly adapter?: string | undefined;
  readonly quantization?: Quantization | undefined;
  /** Number format of the computation. Default: float32 on a CPU, bfloat16 on a GPU. */
  readonly dtype?: 'float32' | 'bfloat16' | 'float16' | undefined;
  /** Jinja text in place of the tokenizer's own template. */
  readonly chatTemplate?: string | undefined;
  /** "auto", "sdpa" or "eager". Default auto. */
  readonly attention?: string | undefined;
  /**
   * Another model whose tokenizer and chat template take the place of its own, so that it is fed ids of a foreign
   * vocabulary. Rows with an id that it has no embedding for are unusable (`token_out_of_range`).
   */
  readonly tokenizer?: string | undefined;
  /** Of a hub id in `tokenizer`. */
  readonly tokenizerRevision?: string | undefined;
}

/** SHA-256 digests of contents, never of paths; `numericPath` is readable. */
export interface ModelIdentity {
  /** Of configuration and weights, adapter included. */
  readonly weights: string;
  /** Of the tokenizer's files and special tokens. */
  readonly tokenizer: string;
  /** Of the template in use; of the empty text if there is none. */
  readonly chatTemplate: string;
  /** What rounding depends on: kind of device, number format, quantisation, version of the layout. Then marks, see {@link readingOf}. */
  readonly numericPath: string;
  /** Commit that a hub id resolved to; empty for a folder. */
  readonly revision: string;
}

/** A model in the backend's memory. */
export interface LoadedModel {
  /** Names it in later calls, until it is unloaded or the backend ends. */
  readonly handle: string;
  readonly identity: ModelIdentity;
  /** Class name of the model: "LlamaForCausalLM". */
  readonly architecture: string;
  /** Number of weights. */
  readonly parameters: number;
  /** Number of token ids. */
  readonly vocabulary: number;
  readonly layers: number;
  readonly hiddenSize: number;
  /** Whether conversations can be rendered: with the tokenizer's own template or the one of the specification. */
  readonly hasChatTemplate: boolean;
  /** Of the weights as they lie in memory. */
  readonly memoryBytes: number;
  /** Longest sequence in tokens; 0 = the model does not say. */
  readonly contextLength: number;
  /** "shared": the prompt is computed once for both responses. "plain": twice, as the self-check asked for it. */
  readonly layout: string;
  /** Why the layout is "plain"; empty otherwise. */
  readonly layoutNote: string;
  /** Number format that it computes in: "float32", "bfloat16", ... */
  readonly dtype: string;
  /** What a user should know of it, such as where its tokenizer comes from. */
  readonly notes: readonly string[];
}

/** One turn of a conversation. `role` is "system", "user", "assistant" or "tool". */
export interface Message {
  readonly role: string;
  /** The text; empty where a message has none, e.g. beside tool calls. */
  readonly content: string;
  /** Further keys for the chat template; `content` in here stands in place of the text. */
  readonly extra?: Readonly<Record<string, JsonValue>> | undefined;
}

/** The text of one preference pair; `plain` lists hold one message each, used as it is plus an end-of-sequence token. */
export interface PairText {
  readonly prompt: readonly Message[];
  readonly chosen: readonly Message[];
  readonly rejected: readonly Message[];
  readonly plain: boolean;
  /** Schemas of tools for the chat template. */
  readonly tools?: readonly JsonValue[] | undefined;
}

/** What is to be answered; `plain` = the text of the only message as it is, without the chat template. */
export interface PromptText {
  readonly messages: readonly Message[];
  readonly plain: boolean;
  readonly tools?: readonly JsonValue[] | undefined;
}

/**
 * What becomes of a pair longer than the limit: the end is cut, the pair is unusable, the paper's proportional cut, or
 * the
 * prompt's beginning is cut.
 */
export type Truncation = 'keep_start' | 'drop' | 'paper' | 'keep_end_of_prompt';

/** How text becomes tokens, apart from the model's own tokenizer. */
export interface TokenRule {
  /** Tokens of prompt + response, at most. */
  readonly maxLength: number;
  readonly truncation: Truncation;
  /** `chat`: the model's own chat template. `paper`: "Human: ...\nAssistant: " without BOS. */
  readonly template: 'chat' | 'paper';
  /** Of a response of several turns: those of the assistant are scored, the others are context; or all are. Default: assistant. */
  readonly scoreTurns?: 'assistant' | 'all' | undefined;
  /** Fill `rendered`, `pieces` and `context` of every row. Default false. */
  readonly returnTokens?: boolean | undefined;
}

/** What became of one pair under a token rule. Token counts are after truncation. */
export interface RowFacts {
  /** Tokens that both responses share. */
  readonly promptTokens: number;
  /** Response tokens that are scored. */
  readonly chosenTokens: number;
  readonly rejectedTokens: number;
  /** Tokens of both responses that are read and not scored: turns of others. */
  readonly contextTokens: number;
  readonly truncatedPrompt: boolean;
  readonly truncatedChosen: boolean;
  readonly truncatedRejected: boolean;
  /** The tokenizer would merge characters across the end of the prompt; they were kept apart. */
  readonly boundarySplit: boolean;
  /** Why the row cannot be scored, see `unusable.ts`; `undefined` = usable. */
  readonly unusable: string | undefined;
  /** What of the prompt the chat template does not write, by kind. */
  readonly leftOut?: readonly string[] | undefined;
  /** Stretches of the pieces that are context and not scored: start, end, start... */
  readonly context?: { readonly chosen: readonly number[]; readonly rejected: readonly number[] } | undefined;
  /** The texts that were tokenised; only if asked for. */
  readonly rendered?: { readonly prompt: string; readonly chosen: string; readonly rejected: string } | undefined;
  /** The text of each token; only if asked for. */
  readonly pieces?:
    | { readonly prompt: readonly string[]; readonly chosen: readonly string[]; readonly rejected: readonly string[] }
    | undefined;
}

/** Pairs tokenised for one model; later calls name a pair by its index. */
export interface RowSet {
  /** Names the rows in later calls, until their model is unloaded. */
  readonly handle: string;
  /** One entry per pair, in the order in which the pairs were sent. */
  readonly rows: readonly RowFacts[];
}

/** Log-probs of some rows of a row set, in nats, summed over response tokens; may be non-finite. */
export interface ScoreChunk {
  /** Indices of the row set. */
  readonly rows: readonly number[];
  /** In the order of `rows`. */
  readonly logps: Sides<Float64Array>;
}

/** How answers are sampled. */
export interface GenerateOptions extends CallOptions {
  /** Longest answer, in tokens. */
  readonly maxNewTokens: number;
  /** 0 = greedy. Default 0. */
  readonly temperature?: number | undefined;
  /** Sample from the fewest tokens whose probabilities reach this share. Default 1. */
  readonly topP?: number | undefined;
  /** Of the sampling. Default 0. */
  readonly seed?: number | undefined;
  /** Answer as the policy at its start. Default false. */
  readonly adapterOff?: boolean | undefined;
}

/** One answer. `index` is the position of its prompt in the request. */
export interface Generation {
  readonly index: number;
  /** Without special tokens. */
  readonly text: string;
  /** Number of tokens that were generated. */
  readonly tokens: number;
  /** Ended with an end token, and not at `maxNewTokens`. */
  readonly finished: boolean;
}

/** The adapter that is trained, with PEFT's names. */
export interface LoraSpec {
  /** Rank, at least 1. */
  readonly r: number;
  /** The adapter's output is scaled by alpha / r. */
  readonly alpha: number;
  /** Share in [0, 1). Default 0. */
  readonly dropout?: number;
  /** Names of modules, or the ends of their names. Default (empty): PEFT's choice for the architecture. */
  readonly targetModules?: readonly string[];
}

/** Decides which weights are trained and how the optimizer moves them; learning rates come with each commit. */
export interface TrainerSpec {
  /** Absent = full fine-tuning. */
  readonly lora?: LoraSpec | undefined;
  /** Of the adapter's start and of dropout. Default 0. */
  readonly seed?: number | undefined;
  /** Default adamw. */
  readonly optimizer?: 'adamw' | 'paged_adamw_8bit' | undefined;
  /** Default 0.9. */
  readonly adamBeta1?: number | undefined;
  /** Default 0.999. */
  readonly adamBeta2?: number | undefined;
  /** Default 1e-8. */
  readonly adamEpsilon?: number | undefined;
  /** Activations that are computed again in the backward pass. Default auto: as free memory asks for. */
  readonly checkpointing?: 'off' | 'selective' | 'full' | 'auto' | undefined;
  /** Whether the same frames are to give the same bits again on a GPU. Default false. */
  readonly deterministic?: boolean | undefined;
}

/** A specification with every default applied. */
export type CompleteTrainerSpec = {
  readonly [Key in Exclude<keyof TrainerSpec, 'lora'>]-?: NonNullable<TrainerSpec[Key]>;
} & { readonly lora: Required<LoraSpec> | undefined };

/** Applies the defaults. */
export function completeTrainerSpec({ lora, ...spec }: TrainerSpec): CompleteTrainerSpec {
  return {
    lora: lora && { r: lora.r, alpha: lora.alpha, dropout: lora.dropout ?? 0, targetModules: lora.targetModules ?? [] },
    seed: spec.seed ?? 0,
    optimizer: spec.optimizer ?? 'adamw',
    adamBeta1: spec.adamBeta1 ?? 0.9,
    adamBeta2: spec.adamBeta2 ?? 0.999,
    adamEpsilon: spec.adamEpsilon ?? 1e-8,
    checkpointing: spec.checkpointing ?? 'auto',
    deterministic: spec.deterministic ?? false,
  };
}

/** One micro-batch of a step. */
export interface ForwardRequest {
  /** From 1; the one after the last committed step. */
  readonly step: number;
  /** Unique within the step. */
  readonly microBatch: number;
  /** Indices of the row set; the result has their order. */
  readonly rows: readonly number[];
  /** Of the step's dropout masks; each row draws its own from it, whatever other rows are in the micro-batch. */
  readonly seed: number;
}

/** Log-probs in nats, summed over response tokens, in the order of the rows; may be non-finite. */
export interface ForwardResult {
  readonly logps: Sides<Float64Array>;
  /** Time that the backend worked on it. */
  readonly seconds: number;
}

/** The micro-batch's gradient has been added to that of the step. */
export interface BackwardResult {
  readonly seconds: number;
}

/** One optimizer update from the gradients that have been added up in a step. */
export interface CommitRequest {
  /** The one after the last committed step. */
  readonly step: number;
  /** Exactly these micro-batches are applied, or nothing is. */
  readonly microBatches: readonly number[];
  readonly learningRate: number;
  /** Decoupled: weights shrink by learning rate times this. */
  readonly weightDecay: number;
  /** 0 = no clipping. */
  readonly maxGradNorm: number;
}

/** The update that a commit made. */
export interface CommitResult {
  /** L2 norm over all trained weights, before clipping. */
  readonly gradNorm: number;
  /** Time of the update itself. */
  readonly seconds: number;
  /** Highest use of memory so far: of the device, or of the process on a CPU. */
  readonly peakMemoryBytes: number;
  /** The gradient was not finite: nothing was applied. */
  readonly skipped: boolean;
}

/** A piece of a file of a checkpoint; the pieces of a file come in a row. Weights are safetensors, the rest JSON. */
export interface CheckpointPiece {
  /** A plain name. */
  readonly file: string;
  readonly data: Uint8Array;
  /** With the last piece of a file that a trainer gives: SHA-256 of the whole file, as 64 hex digits. */
  readonly sha256?: string | undefined;
}

/** A trainer's state between two steps, copied: the trainer may go on while it is read. */
export interface CheckpointCopy {
  /** Of all tensors. */
  readonly bytes: number;
  /** To be read once and to the end. Whoever keeps the files compares them with their hashes, once, where they lie. */
  readonly pieces: AsyncIterable<CheckpointPiece>;
}

/**
 * A step transaction: every `forward` of a step is answered by a `backward`, then one `commit` names them all.
 * A call that does not fit throws a {@link BackendFault} and changes nothing; a backward out of memory drops the step.
 * Calls may be made without waiting for the one before: they are worked on in order, and on a GPU the next is laid out
 * and moved while it computes. A commit that names what is gone fails, and so does what is queued behind it for the next
 * step.
 */
export interface Trainer {
  /** Number of weights that are trained. */
  readonly trainableParameters: number;
  /** Names of the modules that hold them. */
  readonly trainedModules: readonly string[];
  /** Which activations are computed again: what `auto` has chosen, or what was asked for. */
  readonly checkpointing: string;
  /** Advice: prompt + chosen + rejected tokens whose graphs fit together, of one forward or of several. */
  readonly microBatchTokens: number;
  /** Advice: a forward of more tokens takes no less time per token. */
  readonly saturatingTokens: number;
  /** Whether the same frames give the same bits again on a GPU, as asked for. */
  readonly deterministic: boolean;
  /** Runs the policy on pairs and keeps the graph for {@link backward}. */
  forward(request: ForwardRequest): Promise<ForwardResult>;
  /** `gradients` = +dL/dlogp in the order of the rows. The backend never divides: a mean over pairs is taken here. */
  backward(step: number, microBatch: number, gradients: Sides<Float64Array>): Promise<BackwardResult>;
  /** Applies one update, or skips it, and closes the step. */
  commit(request: CommitRequest): Promise<CommitResult>;
  /** Drops graphs and gradients of the open step; nothing happens if it is not open. */
  abort(step: number): Promise<void>;
  /** Resolves when the state after committed `step` is copied. Fails if another step is the committed one. */
  saveCheckpoint(step: number, options?: CallOptions): Promise<CheckpointCopy>;
  /**
   * Goes on from a checkpoint of the same policy and settings, whatever was done before: the next step is the one after
   * the result. One that does not fit fails as `checkpoint_invalid` and changes nothing.
   */
  loadCheckpoint(pieces: AsyncIterable<CheckpointPiece>, options?: CallOptions): Promise<number>;
  /**
   * After calls have failed as `stream_ended`: opens the stream again. What was open is dropped; what was committed is
   * said, with the answer that may have been lost. Fails as `unknown_handle` if the backend has let the trainer go.
   */
  reopen(): Promise<Reopened>;
  /** Ends the stream and frees optimizer and graphs; the model stays loaded. */
  close(): Promise<void>;
}

/** Where a trainer stands when its stream is open again. */
export interface Reopened {
  /** The last applied step; 0 at the start. */
  readonly committedStep: number;
  /** Of the committed step; absent at the start and after a checkpoint was loaded. */
  readonly lastCommit: CommitResult | undefined;
}

/** What is written: the adapter in PEFT format, the whole model, or the trained weights alone. */
export interface ExportOptions {
  /** The whole model, unquantised, with the adapter merged in; otherwise the adapter. */
  readonly merge: boolean;
  /** Text of the README.md beside the weights. */
  readonly modelCard: string;
  /** The path may hold an earlier export, which goes when the new one is complete. Default false. */
  readonly replace?: boolean | undefined;
  /** Try everything that this export can refuse, and leave nothing behind. */
  readonly rehearse?: boolean | undefined;
  /** Only the trained weights, as they are, for a later export. */
  readonly raw?: boolean | undefined;
  /** A folder that `raw` wrote: export its weights, put on this model, which has no trainer. */
  readonly rawFolder?: string | undefined;
}

/** A task or group of lm-evaluation-harness by name, or a task file (.yaml) or folder of them by path. */
export interface TaskChoice {
  readonly name: string;
  /** Examples before each question. Absent: what the task says. */
  readonly fewshot?: number | undefined;
}

/** How tasks are evaluated, beside which. */
export interface EvaluateTasksOptions extends CallOptions {
  /** Requests at once. Default 8. */
  readonly batchSize?: number | undefined;
  /** Documents of each task from its start. Default: all. */
  readonly limit?: number | undefined;
  /** Where datasets of the hub lie as folders ORG/NAME. Default: the hub or its cache. */
  readonly dataFolder?: string | undefined;
  readonly adapterOff?: boolean | undefined;
}

/** One number of a task. */
export interface TaskMetric {
  /** As the harness names it: "acc", "exact_match". */
  readonly name: string;
  /** "none", "strict-match". */
  readonly filter: string;
  readonly value: number;
  /** NaN = not known. */
  readonly standardError: number;
}

/** All numbers of a task, or of a group of tasks. */
export interface TaskScore {
  readonly task: string;
  /** The name or path that it was asked for by. */
  readonly source: string;
  readonly version: string;
  readonly fewshot: number;
  readonly documents: number;
  /** SHA-256 of prompts and targets; empty for a group. */
  readonly content: string;
  readonly metrics: readonly TaskMetric[];
  /** Tasks of a group. */
  readonly parts: readonly string[];
}

/** What an evaluation of tasks gives. */
export interface TaskEvaluation {
  /** A group comes before its parts. */
  readonly scores: readonly TaskScore[];
  /** What else decided the numbers: lm_eval, batch_size, dtype, bos... */
  readonly settings: Readonly<Record<string, string>>;
  /** Results per document: JSON objects with doc_id, filter, hashes of document, prompt and target, and metrics. */
  readonly documents: readonly { readonly task: string; readonly json: readonly string[] }[];
}

/**
 * An accelerator. Handles are valid until their object is freed or the backend ends; calls reject with a
 * {@link BackendFault} for what the backend refuses, and with code `aborted` when their signal fires.
 */
export interface Backend {
  /** Who answers, as it is now: free memory and peak change. */
  info(options?: CallOptions): Promise<ServerInfo>;
  /** Hashes a model without loading it: what reference log-probs are cached under. */
  identifyModel(model: ModelSpec, options?: CallOptions): Promise<ModelIdentity>;
  /** Brings a model into memory. Several may be loaded. */
  loadModel(model: ModelSpec, options?: CallOptions): Promise<LoadedModel>;
  /** Frees a model, its row sets and its trainer. An unknown handle is no error. */
  unloadModel(modelHandle: string): Promise<void>;
  /** Tokenises pairs for one model. `rows` of the result has one entry per pair, in the order given. */
  registerRows(
    modelHandle: string,
    rows: Iterable<PairText> | AsyncIterable<PairText>,
    rule: TokenRule,
    options?: CallOptions,
  ): Promise<RowSet>;
  /** Streams chunks in the order they are computed. `rows` = all usable rows when absent. */
  score(
    rowSet: string,
    options?: CallOptions & { readonly rows?: readonly number[]; readonly adapterOff?: boolean },
  ): AsyncIterable<ScoreChunk>;
  /** Answers to prompts, in any order: `index` says which prompt each belongs to. */
  generate(modelHandle: string, prompts: readonly PromptText[], options: GenerateOptions): AsyncIterable<Generation>;
  /** Scores of language understanding; `unsupported` where lm-evaluation-harness is not installed. */
  evaluateTasks(
    modelHandle: string,
    tasks: readonly TaskChoice[],
    options?: EvaluateTasksOptions,
  ): Promise<TaskEvaluation>;
  /** Puts an adapter and an optimizer on a loaded model; one trainer per model. */
  createTrainer(modelHandle: string, rowSet: string, spec: TrainerSpec, options?: CallOptions): Promise<Trainer>;
  /**
   * Writes what was trained into a new or empty folder; gives the names of its files.
   * @throws BackendFault `export_differs` when what was written, opened again, is not the policy in memory.
   */
  exportModel(modelHandle: string, path: string, options: CallOptions & ExportOptions): Promise<readonly string[]>;
  /** Rows of a hub data set, one JSON text each. Default split train; `limit` 0 or absent = all rows. */
  readDataset(
    dataset: string,
    options?: CallOptions & {
      readonly split?: string;
      readonly revision?: string;
      readonly configuration?: string;
      readonly limit?: number;
    },
  ): AsyncIterable<string>;
  /** Ends the connection, and the process if this backend started it. */
  close(): Promise<void>;
}
