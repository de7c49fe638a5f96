/** The format of an exported cache: its columns, its footer, and every check that an imported row has to pass. */
import type { SchemaElement } from 'hyparquet';
import { z } from 'zod';
import { keyText, type ScoringKey } from './key.js';
import { ALL_FLAGS, type PairScore } from './score-rows.js';

/** Key of the footer in the file's metadata. */
export const FOOTER_KEY = 'mrpo.logps';
/** Raised when a reader of the version before would misunderstand the file. */
export const FORMAT_VERSION = 1;

type ColumnSchema = Omit<SchemaElement, 'name'>;
const TEXT: ColumnSchema = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'REQUIRED' };
const INTEGER: ColumnSchema = { type: 'INT32', repetition_type: 'REQUIRED' };

/** Columns of the file in order, one row per pair and model; log-probs in nats, counts in tokens. */
export const PARQUET_COLUMNS = [
  { name: 'label', schema: TEXT },
  { name: 'weights', schema: TEXT },
  { name: 'tokenizer', schema: TEXT },
  { name: 'chat_template', schema: TEXT },
  { name: 'numeric_path', schema: TEXT },
  { name: 'max_length', schema: INTEGER },
  { name: 'truncation', schema: TEXT },
  { name: 'template', schema: TEXT },
  { name: 'text', schema: TEXT },
  { name: 'chosen', schema: { type: 'DOUBLE', repetition_type: 'OPTIONAL' } },
  { name: 'rejected', schema: { type: 'DOUBLE', repetition_type: 'OPTIONAL' } },
  { name: 'prompt_tokens', schema: INTEGER },
  { name: 'chosen_tokens', schema: INTEGER },
  { name: 'rejected_tokens', schema: INTEGER },
  { name: 'flags', schema: INTEGER },
  { name: 'unusable', schema: { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } },
] as const satisfies readonly { name: string; schema: ColumnSchema }[];

const digest = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hex digits');
const count = z.int().min(0);
const logp = z.number().min(-1e300).max(0);
const truncation = z.enum(['keep_start', 'drop', 'paper', 'keep_end_of_prompt']);
const template = z.enum(['chat', 'paper']);

const rowSchema = z
  .object({
    label: z.string(),
    weights: digest,
    tokenizer: digest,
    chat_template: digest,
    numeric_path: z.string().min(1),
    max_length: z.int().min(1),
    truncation,
    template,
    text: digest,
    chosen: logp.nullish(),
    rejected: logp.nullish(),
    prompt_tokens: count,
    chosen_tokens: count,
    rejected_tokens: count,
    flags: z.int().min(0).max(ALL_FLAGS),
    unusable: z.string().min(1).nullish(),
  })
  .refine(
    (row) => (row.unusable ?? null) !== null || (typeof row.chosen === 'number' && typeof row.rejected === 'number'),
    {
      message: 'expected two log-probs, or why there are none',
    },
  );

/** A row that has passed every check. */
export type ParquetRow = z.output<typeof rowSchema>;

const specSchema = z.object({
  source: z.string().min(1),
  revision: z.string().optional(),
  adapter: z.string().optional(),
  quantization: z.enum(['none', 'nf4', 'int8']).optional(),
  dtype: z.enum(['float32', 'bfloat16', 'float16']).optional(),
  chatTemplate: z.string().optional(),
  attention: z.string().optional(),
});

/** The footer: how each model was asked for, and its content. */
export const footerSchema = z.object({
  version: z.literal(FORMAT_VERSION),
  models: z.array(
    z.object({
      spec: specSchema,
      identity: z.object({
        weights: digest,
        tokenizer: digest,
        chatTemplate: digest,
        numericPath: z.string().min(1),
        revision: z.string(),
      }),
    }),
  ),
});

/** One pair under one model as a row; log-probs of an unusable pair are null. */
export function toParquetRow(entry: ScoringKey & { readonly label: string }, score: PairScore): ParquetRow {
  const usable = score.unusable === undefined;
  return {
    label: entry.label,
    weights: entry.weights,
    tokenizer: entry.tokenizer,
    chat_template: entry.chatTemplate,
    numeric_path: entry.numericPath,
    max_length: entry.maxLength,
    truncation: entry.truncation,
    template: entry.template,
    text: score.text,
    chosen: usable ? score.chosen : null,
    rejected: usable ? score.rejected : null,
    prompt_tokens: score.promptTokens,
    chosen_tokens: score.chosenTokens,
    rejected_tokens: score.rejectedTokens,
    flags: score.flags,
    unusable: score.unusable ?? null,
  };
}

/** A row's scoring and score. @returns a problem in words if the row is not what {@link toParquetRow} writes. */
export function fromParquetRow(
  row: unknown,
): { readonly key: ScoringKey; readonly label: string; readonly score: PairScore } | string {
  const parsed = rowSchema.safeParse(row);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not a row of an exported cache'}`.replace(/^: /, '');
  }
  const { data } = parsed;
  const key: ScoringKey = {
    weights: data.weights,
    tokenizer: data.tokenizer,
    chatTemplate: data.chat_template,
    numericPath: data.numeric_path,
    maxLength: data.max_length,
    truncation: data.truncation,
    template: data.template,
  };
  const score: PairScore = {
    text: data.text,
    chosen: data.chosen ?? NaN,
    rejected: data.rejected ?? NaN,
    promptTokens: data.prompt_tokens,
    chosenTokens: data.chosen_tokens,
    rejectedTokens: data.rejected_tokens,
    flags: data.flags,
    unusable: data.unusable ?? undefined,
  };
  return { key, label: data.label, score };
}

/** Groups scores by their scoring. */
export function createBatches(): {
  add(key: ScoringKey, label: string, score: PairScore): void;
  all(): readonly { readonly key: ScoringKey; readonly label: string; readonly scores: readonly PairScore[] }[];
} {
  const batches = new Map<string, { readonly key: ScoringKey; readonly label: string; readonly scores: PairScore[] }>();
  return {
    add(key, label, score) {
      const id = keyText(key);
      const batch = batches.get(id) ?? { key, label, scores: [] };
      batches.set(id, batch);
      batch.scores.push(score);
    },
    all: () => [...batches.values()],
  };
}
