/**
 * The seam's values as protocol messages and back: the only converter. Absent values of the seam are empty fields on
 * the wire, as the comments in backend.proto say.
 */
import {
  completeTrainerSpec,
  type CommitRequest,
  type CommitResult,
  type EvaluateTasksOptions,
  type ForwardRequest,
  type ForwardResult,
  type GenerateOptions,
  type Generation,
  type LoadedModel,
  type Message,
  type ModelIdentity,
  type ModelSpec,
  type PairText,
  type Progress,
  type PromptText,
  type RowFacts,
  type ScoreChunk,
  type ServerInfo,
  type TaskChoice,
  type TaskEvaluation,
  type TokenRule,
  type TrainerSpec,
} from '../backend.js';
import type { Sides } from '../../core/sides.js';
import type { FaultReason } from '../fault.js';
import * as proto from '../../gen/mrpo/backend/v1/backend.js';

const QUANTIZATIONS = {
  none: proto.Quantization.QUANTIZATION_UNSPECIFIED,
  nf4: proto.Quantization.QUANTIZATION_NF4,
  int8: proto.Quantization.QUANTIZATION_INT8,
} as const;

const TRUNCATIONS = {
  keep_start: proto.Truncation.TRUNCATION_KEEP_START,
  drop: proto.Truncation.TRUNCATION_DROP,
  paper: proto.Truncation.TRUNCATION_PAPER,
  keep_end_of_prompt: proto.Truncation.TRUNCATION_KEEP_END_OF_PROMPT,
} as const;

/** `ERROR_REASON_X` is reason `x` of the seam; the seam's other reasons never travel. */
const REASONS: ReadonlyMap<string, FaultReason> = new Map(
  Object.keys(proto.ErrorReason)
    .map((name) => name.replace('ERROR_REASON_', ''))
    .filter((name) => name !== 'UNSPECIFIED')
    .map((name) => [name, name.toLowerCase() as FaultReason]),
);

/** The reason named in an ErrorInfo, with or without the enum's prefix; `failed` for one that is not known here. */
export function faultReason(name: string): FaultReason {
  return REASONS.get(name.replace('ERROR_REASON_', '')) ?? 'failed';
}

/** The reason in a frame of the training stream. */
export function faultReasonOf(reason: proto.ErrorReason): FaultReason {
  const name = Object.entries(proto.ErrorReason).find(([, value]) => value === reason)?.[0];
  return name === undefined ? 'failed' : faultReason(name);
}

/** Absent fields become empty texts: "as the backend's default". */
export function toModelSpec(spec: ModelSpec): proto.ModelSpec {
  return {
    source: spec.source,
    revision: spec.revision ?? '',
    adapter: spec.adapter ?? '',
    quantization: QUANTIZATIONS[spec.quantization ?? 'none'],
    dtype: spec.dtype ?? '',
    chatTemplate: spec.chatTemplate ?? '',
    attention: spec.attention ?? '',
    tokenizer: spec.tokenizer ?? '',
    tokenizerRevision: spec.tokenizerRevision ?? '',
  };
}

/** Tools and further keys of messages travel as JSON text. */
export function toPairText(pair: PairText): proto.PairText {
  return {
    prompt: pair.prompt.map(toMessage),
    chosen: pair.chosen.map(toMessage),
    rejected: pair.rejected.map(toMessage),
    plain: pair.plain,
    toolsJson: toJson(pair.tools),
  };
}

const toMessage = ({ role, content, extra }: Message): proto.Message => ({ role, content, extraJson: toJson(extra) });

/** Nothing, an empty list and an empty object are all an empty field. */
function toJson(value: object | undefined): string {
  return value === undefined || Object.keys(value).length === 0 ? '' : JSON.stringify(value);
}

/** First message of RegisterRows: the rule for all rows of the stream. */
export function toOpenRows(modelHandle: string, rule: TokenRule): proto.RegisterRowsRequest_Open {
  return {
    modelHandle,
    maxLength: rule.maxLength,
    truncation: TRUNCATIONS[rule.truncation],
    template: rule.template,
    returnTokens: rule.returnTokens ?? false,
    scoreTurns: rule.scoreTurns ?? 'assistant',
  };
}

/** Defaults applied: greedy, seed 0, adapter on. A `topP` of 0 on the wire means 1. */
export function toGenerateRequest(
  modelHandle: string,
  prompts: readonly PromptText[],
  options: GenerateOptions,
): proto.GenerateRequest {
  return {
    modelHandle,
    prompts: prompts.map(({ messages, plain, tools }) => ({
      messages: messages.map(toMessage),
      plain,
      toolsJson: toJson(tools),
    })),
    maxNewTokens: options.maxNewTokens,
    temperature: options.temperature ?? 0,
    topP: options.topP ?? 0,
    seed: options.seed ?? 0,
    adapterOff: options.adapterOff ?? false,
  };
}

/** Absent options are 0 or empty, which is the default of the backend. */
export function toEvaluateRequest(
  modelHandle: string,
  tasks: readonly TaskChoice[],
  options: EvaluateTasksOptions,
): proto.EvaluateRequest {
  return {
    modelHandle,
    tasks: tasks.map(({ name, fewshot }) => ({ name, numFewshot: fewshot })),
    batchSize: options.batchSize ?? 0,
    limit: options.limit ?? 0,
    dataFolder: options.dataFolder ?? '',
    adapterOff: options.adapterOff ?? false,
  };
}

/** Without the documents, which come in messages of their own. */
export function fromEvaluated(message: proto.EvaluateResponse_Evaluated): Omit<TaskEvaluation, 'documents'> {
  return {
    scores: message.scores.map(({ numFewshot, ...score }) => ({ ...score, fewshot: numFewshot })),
    settings: message.settings,
  };
}

/** Every default of {@link completeTrainerSpec} applied. */
export function toCreateTrainerRequest(modelHandle: string, spec: TrainerSpec): proto.CreateTrainerRequest {
  const { lora, ...rest } = completeTrainerSpec(spec);
  return {
    modelHandle,
    lora: lora === undefined ? undefined : { ...lora, targetModules: [...lora.targetModules] },
    ...rest,
  };
}

/** A copy with lists that protobuf may own. */
export function toForward(request: ForwardRequest): proto.TrainRequest_Forward {
  return { ...request, rows: [...request.rows] };
}

/** `gradients` = +dL/dlogp, one number per row and side. */
export function toBackward(
  step: number,
  microBatch: number,
  { chosen, rejected }: Sides<Float64Array>,
): proto.TrainRequest_Backward {
  return { step, microBatch, chosenGradients: Array.from(chosen), rejectedGradients: Array.from(rejected) };
}

/** A copy with lists that protobuf may own. */
export function toCommit(request: CommitRequest): proto.TrainRequest_Commit {
  return { ...request, microBatches: [...request.microBatches] };
}

/** Frozen. */
export function fromServerInfo(message: proto.GetServerInfoResponse): ServerInfo {
  return Object.freeze({ ...message, versions: Object.freeze(message.versions) });
}

/** The message has the fields of {@link Progress} already. */
export function fromProgress(message: proto.Progress): Progress {
  return message;
}

/** Frozen. */
export function fromIdentity(message: proto.ModelIdentity): ModelIdentity {
  return Object.freeze(message);
}

/** Frozen; the handle is the wire's `model_handle`. */
export function fromLoadedModel(message: proto.LoadedModel): LoadedModel {
  const { modelHandle, identity, ...facts } = message;
  return Object.freeze({
    handle: modelHandle,
    identity: fromIdentity(identity ?? proto.ModelIdentity.create()),
    ...facts,
  });
}

/** `rendered` and `pieces` are there when they were asked for. */
export function fromRowFacts(message: proto.RowFacts, withTokens: boolean): RowFacts {
  const facts = {
    promptTokens: message.promptTokens,
    chosenTokens: message.chosenTokens,
    rejectedTokens: message.rejectedTokens,
    contextTokens: message.contextTokens,
    truncatedPrompt: message.truncatedPrompt,
    truncatedChosen: message.truncatedChosen,
    truncatedRejected: message.truncatedRejected,
    boundarySplit: message.boundarySplit,
    unusable: message.unusable === '' ? undefined : message.unusable,
    ...(message.leftOut.length > 0 && { leftOut: message.leftOut }),
  };
  if (!withTokens) return Object.freeze(facts);
  return Object.freeze({
    ...facts,
    rendered: {
      prompt: message.renderedPrompt,
      chosen: message.renderedChosen,
      rejected: message.renderedRejected,
    },
    context: { chosen: message.chosenContext, rejected: message.rejectedContext },
    pieces: { prompt: message.promptPieces, chosen: message.chosenPieces, rejected: message.rejectedPieces },
  });
}

/** Columns as doubles, in nats. */
export function fromScore(message: proto.ScoreResponse): ScoreChunk {
  return { rows: message.rows, logps: fromColumns(message) };
}

/** The message has the fields of {@link Generation} already. */
export function fromGeneration(message: proto.GenerateResponse): Generation {
  return message;
}

/** Columns as doubles, in nats. */
export function fromForward(message: proto.TrainResponse_ForwardResult): ForwardResult {
  return { logps: fromColumns(message), seconds: message.seconds };
}

/** Without the step's number, which the caller knows. */
export function fromCommit(message: proto.TrainResponse_StepDone): CommitResult {
  const { gradNorm, seconds, peakMemoryBytes, skipped } = message;
  return { gradNorm, seconds, peakMemoryBytes, skipped };
}

function fromColumns(message: {
  readonly chosenLogps: readonly number[];
  readonly rejectedLogps: readonly number[];
}): Sides<Float64Array> {
  return { chosen: Float64Array.from(message.chosenLogps), rejected: Float64Array.from(message.rejectedLogps) };
}
