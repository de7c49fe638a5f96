/** Pairs with given log-probs, one JSON object a line, as a batch. */
import { z } from 'zod';
import { MrpoError } from '../../core/errors.js';
import type { ModelColumns, PairBatch } from '../../objectives/index.js';

const logps = z.tuple([z.number(), z.number()]);
const counts = z.tuple([z.int().min(1), z.int().min(1)]);

const pairSchema = z.strictObject({
  /** Shown in place of the line number. */
  id: z.union([z.string(), z.number()]).optional(),
  policy: logps,
  references: z.array(logps).default([]),
  /** Response tokens: of every model alike, or each model's own. */
  tokens: z.union([counts, z.strictObject({ policy: counts, references: z.array(counts) })]).optional(),
  bytes: counts.optional(),
});

type GivenPair = z.output<typeof pairSchema>;
type Counts = z.output<typeof counts>;

/** A valid line of input, for help texts and hints. */
export const PAIR_EXAMPLE = '{"policy":[-100,-120],"references":[[-105,-118],[-110,-119]],"tokens":[40,50]}';

/**
 * Reads JSON lines; empty lines are skipped.
 * @param name What line numbers in messages are prefixed with.
 * @throws MrpoError `data` naming the line.
 */
export function readExplainPairs(text: string, name: string): PairBatch {
  const pairs = text
    .split('\n')
    .map((line, index) => ({ line: line.trim(), where: `${name}:${index + 1}` }))
    .filter(({ line }) => line !== '')
    .map(({ line, where }) => ({ where, ...parsePair(line, where) }));
  const [first] = pairs;
  if (first === undefined)
    throw new MrpoError('data', `${name}: no pairs; expected one JSON object a line`, { hint: `E.g. ${PAIR_EXAMPLE}` });
  const odd = pairs.find(({ references }) => references.length !== first.references.length);
  if (odd !== undefined) {
    throw new MrpoError(
      'data',
      `${odd.where}: got ${odd.references.length} references, expected ${first.references.length} as in ${first.where}`,
    );
  }
  return toBatch(pairs);
}

function parsePair(line: string, where: string): GivenPair {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new MrpoError('data', `${where}: not JSON: ${(cause as Error).message}`, {
      cause,
      hint: `Expected e.g. ${PAIR_EXAMPLE}`,
    });
  }
  const parsed = pairSchema.safeParse(value);
  if (!parsed.success) {
    const issue = mostSpecific(parsed.error.issues[0]!);
    const path = issue.path.length === 0 ? '' : ` ${issue.path.join('.')}:`;
    throw new MrpoError('data', `${where}:${path} ${issue.message}`, { hint: `Expected e.g. ${PAIR_EXAMPLE}` });
  }
  const { tokens, references } = parsed.data;
  if (tokens !== undefined && !Array.isArray(tokens) && tokens.references.length !== references.length) {
    throw new MrpoError(
      'data',
      `${where}: tokens.references: got ${tokens.references.length} entries, expected one per reference (${references.length})`,
    );
  }
  return parsed.data;
}

/** Of a union the complaint of the form that came furthest, with its path from the top; else the issue itself. */
function mostSpecific(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue;
  const deepest = issue.errors
    .flat()
    .reduce<z.core.$ZodIssue | undefined>(
      (best, next) => (next.path.length > (best?.path.length ?? 0) ? next : best),
      undefined,
    );
  return deepest === undefined ? issue : { ...deepest, path: [...issue.path, ...deepest.path] };
}

function toBatch(pairs: readonly (GivenPair & { readonly where: string })[]): PairBatch {
  const column = (value: (pair: GivenPair) => number | undefined): Float64Array =>
    Float64Array.from(pairs, (pair) => value(pair) ?? NaN);
  const model = (
    logpsOf: (pair: GivenPair) => readonly number[],
    tokensOf: (pair: GivenPair) => Counts | undefined,
  ): ModelColumns => ({
    chosen: { logps: column((pair) => logpsOf(pair)[0]), tokens: column((pair) => tokensOf(pair)?.[0]) },
    rejected: { logps: column((pair) => logpsOf(pair)[1]), tokens: column((pair) => tokensOf(pair)?.[1]) },
  });
  const tokens = ({ tokens: given }: GivenPair, k?: number): Counts | undefined => {
    if (given === undefined || Array.isArray(given)) return given;
    return k === undefined ? given.policy : given.references[k];
  };
  return {
    size: pairs.length,
    policy: model(
      (pair) => pair.policy,
      (pair) => tokens(pair),
    ),
    references: pairs[0]!.references.map((_, k) =>
      model(
        (pair) => pair.references[k]!,
        (pair) => tokens(pair, k),
      ),
    ),
    bytes: { chosen: column((pair) => pair.bytes?.[0]), rejected: column((pair) => pair.bytes?.[1]) },
    rowIds: pairs.map(({ id, where }) => id ?? where),
  };
}
