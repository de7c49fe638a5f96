/**
 * The seam: what the control plane asks of an accelerator. The Python gRPC backend and the in-memory toy backend both
 * implement {@link Backend} and pass the same contract tests. It speaks of log-probabilities and gradients, never of a loss.
 */
import type { JsonValue } from '../core/json.js';
import type { Sides } from '../core/sides.js';

/** Of the messages between this program and a backend; both must speak the same. */
export const PROTOCOL_VERSION = 2;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Long work: `done` of `total` (0 = not known) in `unit`s. */
export interface Progress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

export interface ServerInfo {
  readonly protocolVersion: number;
  /** Random per process: another value means that all state is gone. */
  readonly incarnation: string;
  readonly serverVersion: string;
  readonly device: string;
  readonly deviceName: string;
  readonly deviceMemoryBytes: number;
  readonly deviceMemoryFreeBytes: number;
  readonly threads: number;
  /** Largest message it takes. */
  readonly maxMessageBytes: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly processId: number;
  readonly capabilities: readonly string[];
  readonly peakMemoryBytes: number;
}

export type Quantization = 'none' | 'nf4' | 'int8';

/** Everything that decides what numbers a model gives. */
export interface ModelSpec {
  /** A folder, a hub id, or a `.gguf` file. */
  readonly source: string;
  readonly revision?: string | undefined;
  /** A PEFT adapter folder or hub id on top. */
  readonly adapter?: string | undefined;
  readonly quantization?: Quantization | undefined;
  readonly dtype?: 'float32' | 'bfloat16' | 'float16' | undefined;
  /** Jinja text in place of the tokenizer's own template. */
  readonly chatTemplate?: string | undefined;
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
  readonly weights: string;
  readonly tokenizer: string;
  readonly chatTemplate: string;
  readonly numericPath: string;
  readonly revision: string;
}

export interface LoadedModel {
  readonly handle: string;
  readonly identity: ModelIdentity;
  readonly architecture: string;
  readonly parameters: number;
  readonly vocabulary: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly hasChatTemplate: boolean;
  readonly memoryBytes: number;
  readonly contextLength: number;
  readonly layout: string;
  readonly layoutNote: string;
  /** Number format that it computes in: "float32", "bfloat16", ... */
  readonly dtype: string;
  /** What a user should know of it, such as where its tokenizer comes from. */
  readonly notes: readonly string[];
}

export interface Message {
  readonly role: string;
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

export type Truncation = 'keep_start' | 'drop' | 'paper' | 'keep_end_of_prompt';

/** How text becomes tokens, apart from the model's own tokenizer. */
export interface TokenRule {
  readonly maxLength: number;
  readonly truncation: Truncation;
  readonly template: 'chat' | 'paper';
  /** Of a response of several turns: those of the assistant are scored, the others are context; or all are. Default: assistant. */
  readonly scoreTurns?: 'assistant' | 'all' | undefined;
  readonly returnTokens?: boolean | undefined;
}

export interface RowFacts {
  readonly promptTokens: number;
  readonly chosenTokens: number;
  readonly rejectedTokens: number;
  readonly truncatedPrompt: boolean;
  readonly truncatedChosen: boolean;
  readonly truncatedRejected: boolean;
  readonly boundarySplit: boolean;
  /** Why the row cannot be scored, see `unusable.ts`; `undefined` = usable. */
  readonly unusable: string | undefined;
  /** What of the prompt the chat template does not write, by kind. */
  readonly leftOut?: readonly string[] | undefined;
  /** Stretches of the pieces that are context and not scored: start, end, start... */
  readonly context?: { readonly chosen: readonly number[]; readonly rejected: readonly number[] } | undefined;
  readonly rendered?: { readonly prompt: string; readonly chosen: string; readonly rejected: string } | undefined;
  readonly pieces?:
    | { readonly prompt: readonly string[]; readonly chosen: readonly string[]; readonly rejected: readonly string[] }
    | undefined;
}

/** Pairs tokenised for one model; later calls name a pair by its index. */
export interface RowSet {
  readonly handle: string;
  readonly rows: readonly RowFacts[];
}

/** Log-probs of some rows of a row set, in nats, summed over response tokens; may be non-finite. */
export interface ScoreChunk {
  readonly rows: readonly number[];
  /** In the order of `rows`. */
  readonly logps: Sides<Float64Array>;
}

export interface GenerateOptions extends CallOptions {
  readonly maxNewTokens: number;
  /** 0 = greedy. */
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly seed?: number | undefined;
  readonly adapterOff?: boolean | undefined;
}

export interface Generation {
  readonly index: number;
  readonly text: string;
  readonly tokens: number;
  readonly finished: boolean;
}

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
  };
}

export interface ForwardRequest {
  readonly step: number;
  /** Unique within the step. */
  readonly microBatch: number;
  readonly rows: readonly number[];
  /** Of the step's dropout masks; each row draws its own from it, whatever other rows are in the micro-batch. */
  readonly seed: number;
}

/** Log-probs in nats, summed over response tokens, in the order of the rows; may be non-finite. */
export interface ForwardResult {
  readonly logps: Sides<Float64Array>;
  readonly seconds: number;
}

export interface BackwardResult {
  readonly seconds: number;
}

export interface CommitRequest {
  readonly step: number;
  /** Exactly these micro-batches are applied, or nothing is. */
  readonly microBatches: readonly number[];
  readonly learningRate: number;
  readonly weightDecay: number;
  /** 0 = no clipping. */
  readonly maxGradNorm: number;
}

export interface CommitResult {
  /** Before clipping. */
  readonly gradNorm: number;
  readonly seconds: number;
  readonly peakMemoryBytes: number;
  /** The gradient was not finite: nothing was applied. */
  readonly skipped: boolean;
}

/** A piece of a file of a checkpoint; the pieces of a file come in a row. Weights are safetensors, the rest JSON. */
export interface CheckpointPiece {
  /** A plain name. */
  readonly file: string;
  readonly data: Uint8Array;
}

/** A trainer's state between two steps, copied: the trainer may go on while it is read. */
export interface CheckpointCopy {
  /** Of all tensors. */
  readonly bytes: number;
  /** To be read once and to the end, which only comes when every file has arrived as it was sent. */
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
  readonly trainableParameters: number;
  readonly trainedModules: readonly string[];
  readonly checkpointing: string;
  /** Advice: prompt + chosen + rejected tokens whose graphs fit together, of one forward or of several. */
  readonly microBatchTokens: number;
  /** Advice: a forward of more tokens takes no less time per token. */
  readonly saturatingTokens: number;
  forward(request: ForwardRequest): Promise<ForwardResult>;
  /** `gradients` = +dL/dlogp in the order of the rows. The backend never divides: a mean over pairs is taken here. */
  backward(step: number, microBatch: number, gradients: Sides<Float64Array>): Promise<BackwardResult>;
  commit(request: CommitRequest): Promise<CommitResult>;
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
  close(): Promise<void>;
}

export interface Reopened {
  readonly committedStep: number;
  /** Of the committed step; absent at the start and after a checkpoint was loaded. */
  readonly lastCommit: CommitResult | undefined;
}

export interface ExportOptions {
  /** The whole model, unquantised, with the adapter merged in; otherwise the adapter. */
  readonly merge: boolean;
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

export interface Backend {
  info(options?: CallOptions): Promise<ServerInfo>;
  identifyModel(model: ModelSpec, options?: CallOptions): Promise<ModelIdentity>;
  loadModel(model: ModelSpec, options?: CallOptions): Promise<LoadedModel>;
  unloadModel(modelHandle: string): Promise<void>;
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
  generate(modelHandle: string, prompts: readonly PromptText[], options: GenerateOptions): AsyncIterable<Generation>;
  createTrainer(modelHandle: string, rowSet: string, spec: TrainerSpec, options?: CallOptions): Promise<Trainer>;
  /**
   * Writes what was trained into a new or empty folder; gives the names of its files.
   * @throws BackendFault `export_differs` when what was written, opened again, is not the policy in memory.
   */
  exportModel(modelHandle: string, path: string, options: CallOptions & ExportOptions): Promise<readonly string[]>;
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
