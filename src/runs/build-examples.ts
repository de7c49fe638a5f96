/**
 * Pairs, the policy's view of them and the references' scores, joined into columns. A pair that any of the models
 * cannot take is dropped for all models, counted and reported.
 */
import type { RowFacts } from '../backend/backend.js';
import { wayThrough } from '../backend/unusable.js';
import { MrpoError } from '../core/errors.js';
import { eachSide } from '../core/sides.js';
import { kindOfReason } from '../data/drop-counter.js';
import type { PreferencePair } from '../data/index.js';
import { responseBytes } from '../data/response-bytes.js';
import { FLAG } from '../references/index.js';
import type { ScoredReference } from '../references/index.js';
import type { Examples } from '../training/examples.js';

/** One reference's log-probs of the pairs, in their order. */
export type ReferenceView = Pick<ScoredReference, 'name' | 'columns' | 'flags' | 'unusable'>;

/** The pairs of a run and how each model sees them; every list has one entry per pair. */
export interface BuildOptions {
  /** Training pairs, then held-out pairs: the order of the policy's row set and of every reference's columns. */
  readonly pairs: readonly PreferencePair[];
  /** How many of them, from the first, are for training; 0 where held-out pairs are only evaluated. */
  readonly trainingPairs: number;
  /** How messages name a pair: "pairs.jsonl line 17". */
  readonly nameOf: (pair: PreferencePair) => string;
  readonly policyRows: readonly RowFacts[];
  /** Which turns of a response are scored. */
  readonly scoreTurns: 'assistant' | 'all';
  /** Number format that the policy computes in. */
  readonly dtype: string;
  readonly references: readonly ReferenceView[];
}

/** The pairs that every model can take, as columns. */
export interface BuiltExamples {
  readonly train: Examples;
  readonly heldOut: Examples;
  /** Held-out pairs whose prompt the policy reads whole, in order: answers to others would be to another question. */
  readonly wholePrompts: readonly PreferencePair[];
  /** Pairs left out, by reason and model: "too_long under the policy": 3. */
  readonly dropped: Readonly<Record<string, number>>;
  /** Kept pairs that the length limit shortened for the policy. */
  readonly truncated: number;
  /** What a user should know of the pairs, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Joins all views of the pairs.
 * @throws MrpoError `data` if no pair is left to train on, or to evaluate where none is for training.
 */
export function buildExamples(options: BuildOptions): BuiltExamples {
  const { pairs, trainingPairs, policyRows } = options;
  const drops = pairs.map((_, index) => dropOf(options, index));
  const kept = pairs.flatMap((_, index) => (drops[index] === undefined ? [index] : []));
  const training = kept.filter((index) => index < trainingPairs);
  const heldOut = kept.filter((index) => index >= trainingPairs);
  const counts = countDrops(options, drops);
  const dropNotes = counts.map(({ why, count, first }) => `${count} pairs dropped: ${why} (first: ${first})`);
  const [needed, purpose] = trainingPairs > 0 ? [training, 'train on'] : [heldOut, 'evaluate on'];
  if (needed.length === 0) {
    throw new MrpoError('data', `no pairs are left to ${purpose}: ${dropNotes.join('; ')}`, {
      hint: wayThrough(counts.map(({ unusable, count }) => [unusable, count])),
    });
  }
  const cut = kept.filter((index) => isTruncated(policyRows[index])).length;
  return {
    train: examplesOf(options, training),
    heldOut: examplesOf(options, heldOut),
    wholePrompts: heldOut
      .filter((index) => policyRows[index]?.truncatedPrompt !== true)
      .map((index) => pairs[index] as PreferencePair),
    dropped: Object.fromEntries(counts.map(({ why, count }) => [why, count])),
    truncated: cut,
    notes: [
      ...dropNotes,
      ...(cut > 0 ? [`${cut} of ${kept.length} pairs are cut at data.max_length for the policy`] : []),
      ...textNotes(options, kept),
    ],
  };
}

interface Drop {
  readonly unusable: string;
  readonly under: string;
}

function dropOf({ policyRows, references }: BuildOptions, index: number): Drop | undefined {
  const own = policyRows[index]?.unusable;
  if (own !== undefined) return { unusable: own, under: 'the policy' };
  for (const { name, unusable } of references) {
    const reason = unusable[index];
    if (reason !== undefined) return { unusable: reason, under: `reference ${name}` };
  }
  return undefined;
}

interface DropCount {
  readonly unusable: string;
  /** "too_long under the policy"; of reasons that only quote other text, the first. */
  readonly why: string;
  count: number;
  readonly first: string;
}

function countDrops({ pairs, nameOf }: BuildOptions, drops: readonly (Drop | undefined)[]): readonly DropCount[] {
  const counts = new Map<string, DropCount>();
  drops.forEach((drop, index) => {
    if (drop === undefined) return;
    const why = `${drop.unusable} under ${drop.under}`;
    const kind = kindOfReason(why);
    const known = counts.get(kind);
    if (known !== undefined) known.count++;
    else counts.set(kind, { unusable: drop.unusable, why, count: 1, first: nameOf(pairs[index] as PreferencePair) });
  });
  return [...counts.values()];
}

/** What happened to pairs that are kept, by model: parts of prompts that its template leaves out, borders it had to force. */
function textNotes({ pairs, nameOf, policyRows, references }: BuildOptions, kept: readonly number[]): string[] {
  const note = (indices: readonly number[], sentence: (share: string) => string): string[] => {
    const first = pairs[indices[0] ?? NaN];
    return first === undefined ? [] : [sentence(`${indices.length} of ${kept.length} pairs (first: ${nameOf(first)})`)];
  };
  const leftOut = (model: string, indices: readonly number[], what: readonly string[] = []): string[] =>
    note(indices, (share) => {
      const named = what.length === 0 ? 'a part' : what.join(', ');
      return `${model}: its chat template leaves ${named} of the prompt out in ${share}`;
    });
  const split = (model: string, indices: readonly number[]): string[] =>
    note(
      indices,
      (share) =>
        `${model}: its tokenizer joins the end of the prompt with the response in ${share}; the text is split there`,
    );
  const flagged = (flags: Uint8Array | undefined, flag: number): number[] =>
    kept.filter((index) => ((flags?.[index] ?? 0) & flag) !== 0);

  const own = kept.filter((index) => policyRows[index]?.leftOut !== undefined);
  return [
    ...leftOut('policy', own, [...new Set(own.flatMap((index) => policyRows[index]?.leftOut ?? []))]),
    ...split(
      'policy',
      kept.filter((index) => policyRows[index]?.boundarySplit === true),
    ),
    ...references.flatMap(({ name, flags }) => [
      ...leftOut(`reference ${name}`, flagged(flags, FLAG.leftOut)),
      ...split(`reference ${name}`, flagged(flags, FLAG.boundarySplit)),
    ]),
  ];
}

const isTruncated = (facts: RowFacts | undefined): boolean =>
  facts !== undefined && (facts.truncatedPrompt || facts.truncatedChosen || facts.truncatedRejected);

function examplesOf(
  { pairs, nameOf, policyRows, references, scoreTurns, dtype }: BuildOptions,
  indices: readonly number[],
): Examples {
  const column = (valueOf: (index: number) => number): Float64Array => Float64Array.from(indices, valueOf);
  const pick = (values: Float64Array): Float64Array => column((index) => values[index] ?? NaN);
  const pairAt = (index: number): PreferencePair => pairs[index] as PreferencePair;
  return {
    size: indices.length,
    dtype,
    rows: indices,
    names: indices.map((index) => nameOf(pairAt(index))),
    promptTokens: column((index) => policyRows[index]?.promptTokens ?? NaN),
    responseTokens: eachSide((side) => column((index) => policyRows[index]?.[`${side}Tokens`] ?? NaN)),
    contextTokens: column((index) => policyRows[index]?.contextTokens ?? 0),
    responseBytes: eachSide((side) => column((index) => responseBytes(pairAt(index)[side], scoreTurns))),
    references: references.map(({ columns }) =>
      eachSide((side) => ({ logps: pick(columns[side].logps), tokens: pick(columns[side].tokens) })),
    ),
  };
}

/** Share of pairs whose chosen response is the longer one, in UTF-8 bytes: the accuracy of "longer is better". */
export function longerIsChosen(examples: Examples): number {
  const longer = examples.responseBytes.chosen.filter(
    (bytes, i) => bytes > (examples.responseBytes.rejected[i] ?? NaN),
  ).length;
  return examples.size === 0 ? 0 : longer / examples.size;
}
