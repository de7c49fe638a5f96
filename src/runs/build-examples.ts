/**
 * Pairs, the policy's view of them and the references' scores, joined into columns. A pair that any of the models
 * cannot take is left out for all, counted, and told.
 */
import type { RowFacts } from '../backend/backend.js';
import { MrpoError } from '../core/errors.js';
import { eachSide } from '../core/sides.js';
import type { PreferencePair } from '../data/index.js';
import type { ModelColumns } from '../objectives/objective.js';
import type { Examples } from '../training/examples.js';

/** One reference's log-probs of pairs, in the order of the pairs. */
export interface ReferenceView {
  readonly name: string;
  readonly columns: ModelColumns;
  /** Per pair: why this reference cannot score it; `undefined` = scored. */
  readonly unusable: readonly (string | undefined)[];
}

export interface BuildOptions {
  /** Training pairs, then held-out pairs: the order of the policy's row set and of every reference's columns. */
  readonly pairs: readonly PreferencePair[];
  readonly trainingPairs: number;
  readonly nameOf: (pair: PreferencePair) => string;
  readonly policyRows: readonly RowFacts[];
  readonly references: readonly ReferenceView[];
}

export interface BuiltExamples {
  readonly train: Examples;
  readonly heldOut: Examples;
  /** Pairs of the held-out examples, in their order. */
  readonly heldOutPairs: readonly PreferencePair[];
  /** "too_long under the policy": 3. */
  readonly dropped: Readonly<Record<string, number>>;
  readonly truncated: number;
  readonly notes: readonly string[];
}

/** @throws MrpoError `data` if no training pair is left. */
export function buildExamples(options: BuildOptions): BuiltExamples {
  const { pairs, trainingPairs, policyRows } = options;
  const drops = pairs.map((_, index) => dropReason(options, index));
  const kept = pairs.flatMap((_, index) => (drops[index] === undefined ? [index] : []));
  const training = kept.filter((index) => index < trainingPairs);
  const heldOut = kept.filter((index) => index >= trainingPairs);
  const counts = new Map<string, { count: number; first: string }>();
  drops.forEach((reason, index) => {
    if (reason === undefined) return;
    const known = counts.get(reason);
    const pair = pairs[index] as PreferencePair;
    counts.set(reason, { count: (known?.count ?? 0) + 1, first: known?.first ?? options.nameOf(pair) });
  });
  const told = [...counts].map(([reason, { count, first }]) => `${count} pairs dropped: ${reason} (first: ${first})`);
  if (training.length === 0) {
    throw new MrpoError('data', `no pairs are left to train on: ${told.join('; ')}`, {
      hint: 'Raise data.max_length, or set data.truncation to keep_end_of_prompt.',
    });
  }
  const cut = kept.filter((index) => isTruncated(policyRows[index])).length;
  return {
    train: examplesOf(options, training),
    heldOut: examplesOf(options, heldOut),
    heldOutPairs: heldOut.map((index) => pairs[index] as PreferencePair),
    dropped: Object.fromEntries([...counts].map(([reason, { count }]) => [reason, count])),
    truncated: cut,
    notes: cut > 0 ? [...told, `${cut} of ${kept.length} pairs are cut at data.max_length for the policy`] : told,
  };
}

function dropReason({ policyRows, references }: BuildOptions, index: number): string | undefined {
  const own = policyRows[index]?.unusable;
  if (own !== undefined) return `${own} under the policy`;
  const reference = references.find(({ unusable }) => unusable[index] !== undefined);
  return reference === undefined ? undefined : `${reference.unusable[index]} under reference ${reference.name}`;
}

const isTruncated = (facts: RowFacts | undefined): boolean =>
  facts !== undefined && (facts.truncatedPrompt || facts.truncatedChosen || facts.truncatedRejected);

function examplesOf({ pairs, nameOf, policyRows, references }: BuildOptions, indices: readonly number[]): Examples {
  const column = (valueOf: (index: number) => number): Float64Array => Float64Array.from(indices, valueOf);
  const pick = (values: Float64Array): Float64Array => column((index) => values[index] ?? NaN);
  const pairAt = (index: number): PreferencePair => pairs[index] as PreferencePair;
  return {
    size: indices.length,
    rows: indices,
    names: indices.map((index) => nameOf(pairAt(index))),
    promptTokens: column((index) => policyRows[index]?.promptTokens ?? NaN),
    responseTokens: eachSide((side) => column((index) => policyRows[index]?.[`${side}Tokens`] ?? NaN)),
    responseBytes: eachSide((side) => column((index) => responseBytes(pairAt(index)[side]))),
    references: references.map(({ columns }) =>
      eachSide((side) => ({ logps: pick(columns[side].logps), tokens: pick(columns[side].tokens) })),
    ),
  };
}

const responseBytes = (messages: PreferencePair['chosen']): number =>
  messages.reduce((bytes, { content }) => bytes + Buffer.byteLength(content, 'utf8'), 0);

/** Share of pairs whose chosen response is the longer one, in UTF-8 bytes: the accuracy of "longer is better". */
export function longerIsChosen(examples: Examples): number {
  const longer = examples.responseBytes.chosen.filter((bytes, i) => bytes > (examples.responseBytes.rejected[i] ?? NaN)).length;
  return examples.size === 0 ? 0 : longer / examples.size;
}
