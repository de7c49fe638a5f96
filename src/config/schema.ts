/**
 * The configuration of a run: one zod schema gives validation, defaults, TypeScript types and the JSON Schema that
 * editors use. Names follow TRL and PEFT. {@link RunConfigInput} is what a user writes, {@link RunConfig} what the
 * code reads: every default applied, frozen.
 */
import { z } from 'zod';
import { outputSchema } from './output.js';
import { trainingSchema } from './training-schema.js';

import { COLUMN_ROLES, type ColumnRole } from './column-roles.js';

const quantization = z
  .enum(['none', 'nf4', 'int8'])
  .default('none')
  .describe(
    'Weights in memory: none (as dtype), nf4 (bitsandbytes 4-bit, double quantisation), int8 (bitsandbytes 8-bit).',
  );
const dtype = z
  .enum(['auto', 'float32', 'bfloat16', 'float16'])
  .transform((name) => (name === 'auto' ? undefined : name))
  .optional()
  .describe(
    'Number format of the computation. auto, or left out: float32 on a CPU, bfloat16 on a GPU, float16 on a GPU before Ampere.',
  );
const chatTemplate = z
  .string()
  .min(1)
  .optional()
  .describe("Jinja chat template in place of the tokenizer's own. Needed when conversations meet a model without one.");

const modelFields = {
  model: z.string().min(1).describe('A Hugging Face folder, a hub id, or a .gguf file.'),
  revision: z.string().min(1).optional().describe('Branch, tag or commit of a hub id.'),
  adapter: z.string().min(1).optional().describe('PEFT adapter (folder or hub id) the model starts from.'),
  quantization,
  dtype,
  chat_template: chatTemplate,
};

/** `lora:` of a policy: the adapter that is trained, with PEFT's names. */
export const loraSchema = z.strictObject({
  r: z.int().min(1).default(8).describe('Rank of the adapter matrices.'),
  alpha: z.number().positive().default(16).describe('Scale: updates are multiplied by alpha / r.'),
  dropout: z.number().min(0).max(0.99).default(0).describe('Dropout on the adapter input while training.'),
  target_modules: z
    .array(z.string().min(1))
    .default([])
    .describe("Module names that get an adapter, e.g. [q_proj, v_proj]. Empty: PEFT's default for the architecture."),
});

/** `policy:` of a configuration: the model that is trained. */
export const policySchema = z.strictObject({
  ...modelFields,
  lora: z
    .union([z.literal('off'), loraSchema])
    .prefault({})
    .describe('Adapter to train; off = full fine-tuning of all weights.'),
  gradient_checkpointing: z
    .enum(['off', 'selective', 'full', 'auto'])
    .default('auto')
    .describe('Recompute activations to save memory: off, selective, full, or auto (by free memory).'),
});

/** One entry of `references:`. */
export const referenceSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]+$/, 'letters, digits, dot, dash and underscore only')
    .optional()
    .describe('Name in reports. Default: the last part of the model path.'),
  ...modelFields,
  model: z
    .string()
    .min(1)
    .describe('A folder, hub id or .gguf file; or "policy": the policy as it starts (RefM1), without a second copy.'),
  token_ids: z
    .enum(['own', 'policy'])
    .default('own')
    .describe(
      'Whose token ids it is fed. own: each model reads the text with its own tokenizer. policy: the ids of the policy, as the code released with the paper does; meaningless unless both share a vocabulary, and there to measure what that does. Pairs with an id it has no embedding for are left out.',
    ),
});

const columnFields = Object.fromEntries(
  Object.entries(COLUMN_ROLES).map(([role, what]) => [role, z.string().min(1).describe(what)]),
) as { readonly [role in ColumnRole]: z.ZodString };

/** How rows become pairs. Said for all files of a run, and for single files of a list. */
const readingFields = {
  format: z
    .string()
    .min(1)
    .describe('Format of the rows; auto recognises it from the first rows. `mrpo data --list-formats` names them.'),
  columns: z
    .strictObject(columnFields)
    .partial()
    .describe(
      'Which column is what, as names or dotted paths: { prompt: info.post, a: summaries.0.text, b: summaries.1.text, verdict: choice }. Wins over every name that a format knows.',
    ),
  verdict: z
    .record(z.string(), z.enum(['a', 'b', 'tie']))
    .describe(
      'What the values of the verdict column mean: { "1": a, "2": b, "0": tie }; "-" and "+" stand for every negative and positive number.',
    ),
  pairing: z
    .enum(['best-vs-worst', 'best-vs-random', 'best-vs-rest', 'adjacent', 'all'])
    .describe('How ranked or scored answers become pairs; answers with equal scores never make one.'),
  score: z
    .string()
    .min(1)
    .describe(
      'Field that scores an answer, where a format has several (helpfulness, overall_score), or a list of scores beside the answers.',
    ),
  lower_is_better: z
    .boolean()
    .describe('Whether less of the score is better. Needed where its name says so (toxicity) or says nothing.'),
  ignore: z
    .array(z.string().min(1))
    .describe('Columns that are left out, whatever they may mean. Texts that nothing reads are always reported.'),
  messages: z
    .strictObject({
      role: z.string().min(1).optional().describe('Key of the speaker. Default: role, from or speaker.'),
      content: z.string().min(1).optional().describe('Key of the text. Default: content, value, text or parts.'),
      roles: z
        .record(z.string(), z.enum(['system', 'user', 'assistant', 'tool']))
        .optional()
        .describe('Who further speakers are: { kunde: user, berater: assistant }.'),
    })
    .describe('How messages are written, where their keys or speakers are not recognised.'),
};

const SOURCE =
  'a file (.jsonl, .json, .csv, .parquet, .arrow, .feather, .xlsx; also .gz, .zst, or alone in a .zip), a folder of files, a pattern such as data/*.jsonl, or hub:ID[:CONFIG][:SPLIT]';

const sourceFields = {
  path: z.string().min(1).describe(`Where the rows are: ${SOURCE}.`),
  config: z.string().min(1).optional().describe('Configuration of a hub data set that has several.'),
  split: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Part of a hub data set (default train), of a folder with files of several splits, of a JSON object with several lists, or of a workbook with several sheets.',
    ),
  revision: z.string().min(1).optional().describe('Branch, tag or commit of a hub data set.'),
  ...z.object(readingFields).partial().shape,
};

const evalSource = z.strictObject(sourceFields);
const trainSource = z.strictObject({
  ...sourceFields,
  weight: z
    .number()
    .positive()
    .default(1)
    .describe(
      'Times that a training pair of this file is seen in an epoch: 2 = each twice, 0.5 = half of them, chosen by seed and the same in every epoch. round(weight x pairs) exactly; held-out pairs are not weighted.',
    ),
});
const oneOrMany = <T extends z.ZodType>(source: T) =>
  [z.string().min(1), source, z.array(z.union([z.string().min(1), source])).min(1)] as const;

/** `data:` of a configuration. Lengths are in tokens, shares from 0 to 1. */
export const dataSchema = z.strictObject({
  train: z
    .union(oneOrMany(trainSource))
    .describe(`Preference data: ${SOURCE}; or a list of them, each with settings and a weight of its own.`),
  eval: z
    .union([z.number().min(0).lt(1), z.int().min(1), ...oneOrMany(evalSource)])
    .default(0.1)
    .describe(
      'Held-out pairs: a share of the training pairs (0.1; a pair keeps its side when rows come or go), a number of pairs (200), or files of their own, written as for train.',
    ),
  format: readingFields.format.default('auto'),
  columns: readingFields.columns.optional(),
  pairing: readingFields.pairing.default('best-vs-worst'),
  score: readingFields.score.optional(),
  verdict: readingFields.verdict.optional(),
  lower_is_better: readingFields.lower_is_better.optional(),
  ignore: readingFields.ignore.default([]),
  messages: readingFields.messages.optional(),
  strict: z
    .boolean()
    .default(false)
    .describe('Stop at the first row that cannot be used, instead of dropping and counting it.'),
  limit: z
    .int()
    .min(1)
    .optional()
    .describe('Use only this many training pairs, chosen by seed, before the split and before weights.'),
  max_unpacked_gb: z
    .number()
    .positive()
    .default(2)
    .describe(
      'Refuse a compressed file that unpacks to more gigabytes than this (10^9 bytes). Text is unpacked on the way; a packed Parquet file and a workbook are held in memory.',
    ),
  max_length: z.int().min(8).default(1024).describe('Tokens of prompt + response.'),
  truncation: z
    .enum(['keep_start', 'drop', 'paper', 'keep_end_of_prompt'])
    .default('keep_start')
    .describe(
      "Pairs longer than max_length: cut the end, drop the pair, the paper's proportional rule, or cut the prompt's beginning.",
    ),
  template: z
    .enum(['chat', 'paper'])
    .default('chat')
    .describe('chat: each model\'s own chat template. paper: the authors\' "Human: ... Assistant: " without BOS.'),
  score_turns: z
    .enum(['assistant', 'all'])
    .default('assistant')
    .describe('Of a response of several turns: score what the assistant writes, or every turn as TRL does.'),
});

/** `objective.clip`: width of the trust region around the first reference. Epsilons are shares of its log-prob. */
export const clipSchema = z
  .discriminatedUnion('mode', [
    z.strictObject({ mode: z.literal('off') }),
    z.strictObject({
      mode: z.literal('fixed'),
      epsilon: z
        .number()
        .min(0)
        .default(0.1)
        .describe('Half-width of the band around RefM1, as a share of its log-prob.'),
    }),
    z.strictObject({
      mode: z.literal('adaptive'),
      epsilon_max: z.number().min(0).default(0.1).describe('Eq. 9: the two half-widths of a pair add up to this.'),
    }),
  ])
  .describe('CTRO trust region: further references are clipped around the first (Eq. 8-9).');

/** `objective.pooling`: the mean that makes one virtual reference of several. */
export const poolingSchema = z
  .union([
    z.enum(['harmonic', 'geometric', 'arithmetic', 'min', 'max']),
    z.strictObject({
      power: z.number().describe('Exponent p of the power mean; -1 harmonic, 0 geometric, 1 arithmetic.'),
    }),
  ])
  .describe('How references become one virtual reference. harmonic is Proposition 1 of the paper.');

/** `objective.weights`: how much each reference counts. A list has one entry per reference and adds up to 1. */
export const weightsSchema = z
  .union([
    z.enum(['uniform', 'arwc', 'vdw', 'vaw', 'swcw', 'swcw-one-hot', 'tsw']),
    z.array(z.number().min(0)).min(1),
    z.strictObject({ method: z.literal('swcw'), window: z.int().min(1).default(1).describe('Batches averaged over.') }),
    z.strictObject({
      method: z.literal('tsw'),
      prior: z.number().positive().default(5).describe('Beta(a, a) prior of each reference.'),
      seed: z.int().default(0).describe('Of the draws.'),
    }),
  ])
  .describe('Weight of each reference: uniform, arwc (Eq. 10), a list that adds up to 1, or a published successor.');

const objectiveFields = {
  beta: z.number().positive().default(0.1).describe('Strength of the pull towards the reference, per nat.'),
  normalization: z
    .enum(['sum', 'token', 'byte'])
    .default('sum')
    .describe('Log-probs as sums (nats), per token, or per UTF-8 byte. Per token and per byte want a larger beta.'),
  label_smoothing: z.number().min(0).lt(0.5).default(0).describe('Share of labels taken to be wrong (cDPO, robust).'),
};

/** `objective:` of a configuration: the loss. Its defaults are MRPO as in the paper. */
export const objectiveSchema = z
  .strictObject({
    loss: z
      .enum(['dpo', 'multi-dpo', 'mrpo', 'forward-kl', 'hypo', 'alpha-dpo', 'simpo', 'custom'])
      .default('mrpo')
      .describe('dpo uses the first reference only; multi-dpo (Eq. 11) and mrpo (Eq. 7) use all.'),
    variant: z
      .enum(['sigmoid', 'robust', 'ipo', 'hinge'])
      .default('sigmoid')
      .describe('Link between margin and loss. sigmoid with label_smoothing is cDPO.'),
    ...objectiveFields,
    clip: clipSchema.default({ mode: 'adaptive', epsilon_max: 0.1 }),
    weights: weightsSchema.default('arwc'),
    weights_on: z
      .enum(['sum', 'token', 'byte'])
      .optional()
      .describe(
        'Log-probs that weights compare (Eq. 10). Default: as normalization for arwc; token for vdw, vaw, swcw, as published.',
      ),
    pooling: poolingSchema.default('harmonic'),
    official_code: z
      .boolean()
      .default(false)
      .describe("Reproduce the authors' released code: weights crossed, mean in epsilon, 1e-6 added. Two references."),
    gamma: z.number().default(0.5).describe('simpo and alpha-dpo: target margin.'),
    alpha: z.number().min(0).default(0.2).describe('alpha-dpo: weight of the normalised margin.'),
    module: z
      .string()
      .min(1)
      .optional()
      .describe('custom: path of a .ts or .js file whose default export is the loss.'),
  })
  .prefault({});

/** The whole configuration. Rules between keys are not in it; `loadConfig` checks them too. */
export const runSchema = z
  .strictObject({
    $schema: z.string().optional().describe('For editors; not read.'),
    preset: z
      .string()
      .min(1)
      .optional()
      .describe('Named settings to start from; `mrpo init --list-presets` names them.'),
    policy: policySchema.describe('The model that is trained.'),
    references: z
      .array(referenceSchema)
      .min(1)
      .prefault([{ model: 'policy' }])
      .describe('Reference models in order; the first is RefM1, which others are clipped around.'),
    data: dataSchema.describe('Preference pairs, and how their text becomes tokens.'),
    objective: objectiveSchema.describe('The loss.'),
    training: trainingSchema.describe('Steps, optimizer, evaluation.'),
    generate: z
      .strictObject({
        samples: z
          .int()
          .min(0)
          .default(3)
          .describe('Held-out prompts answered before and after training, for the report.'),
        max_new_tokens: z.int().min(1).default(128).describe('Longest answer, in tokens.'),
      })
      .prefault({})
      .describe('Sample answers for the report.'),
    output: outputSchema,
  })
  .describe('A run of mrpo: policy, references, data, objective, training.');

/** What a user may write. */
export type RunConfigInput = z.input<typeof runSchema>;
/** What the code reads: every default applied. */
export type RunConfig = z.output<typeof runSchema>;
/** The model that is trained, every default applied. */
export type PolicyConfig = RunConfig['policy'];
/** One reference model, every default applied. */
export type ReferenceConfig = RunConfig['references'][number];
/** Where pairs come from and how they become tokens, every default applied. */
export type DataConfig = RunConfig['data'];
/** One file, folder, pattern or hub data set of `data.train` (with a weight) or `data.eval`. */
export type DataSourceConfig = z.output<typeof evalSource> & { readonly weight?: number | undefined };
/** The loss, every default applied. */
export type ObjectiveConfig = RunConfig['objective'];
/** Steps, optimizer, evaluation and checkpoints, every default applied. */
export type TrainingConfig = RunConfig['training'];
