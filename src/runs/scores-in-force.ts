/**
 * The references' log-probs that a training goes by: kept once in the run's folder, named by hash in every checkpoint. A
 * run that goes on takes them from there. Scored again they would round otherwise on another machine; and a fully
 * fine-tuned policy that has moved can no longer say what it was.
 */
import { MrpoError } from '../core/errors.js';
import { SIDES, eachSide, type Side } from '../core/sides.js';
import { readColumns, writeColumns, type Columns } from '../store/tensor-file.js';
import type { Examples } from '../training/examples.js';
import { numericalNoise } from '../training/numerical-noise.js';

/** A run's pairs, with the log-probs of its references. */
export interface RunPairs {
  readonly train: Examples;
  readonly heldOut: Examples;
}

const PARTS = ['train', 'heldOut'] as const;

const nameOf = (reference: number, part: (typeof PARTS)[number], side: Side): string =>
  `references.${reference}.${part}.${side}`;

/** Writes the references' log-probs that are in force to a file. @returns SHA-256 of the file. */
export function keepScores(path: string, pairs: RunPairs): Promise<string> {
  const columns: Record<string, Float64Array> = {};
  for (const part of PARTS) {
    pairs[part].references.forEach((model, k) => {
      for (const side of SIDES) columns[nameOf(k, part, side)] = model[side].logps;
    });
  }
  return writeColumns(path, columns);
}

/**
 * The pairs with the log-probs that are kept.
 * @param now The same pairs, with log-probs as the cache has them today.
 * @param policyReferences Which references are the policy as it starts: what is kept may be its own and not the cache's.
 * @param otherwise Which references are read otherwise than when they were kept: the log-probs of today are in force.
 * @throws MrpoError `config` if the cache has something else than the same numbers rounded otherwise.
 */
export async function keptScores(
  path: string,
  sha256: string,
  now: RunPairs,
  { referenceNames, policyReferences, otherwise }: KeptReferences,
): Promise<RunPairs> {
  const columns = await readColumns(path, sha256);
  for (const part of PARTS) {
    referenceNames.forEach((name, k) => {
      if (![...policyReferences, ...otherwise].includes(k)) requireNear(name, now[part], columns, part, k);
    });
  }
  const withKept = (part: (typeof PARTS)[number]): Examples => ({
    ...now[part],
    references: now[part].references.map((model, k) =>
      otherwise.includes(k)
        ? model
        : eachSide((side) => ({ ...model[side], logps: columns[nameOf(k, part, side)] ?? model[side].logps })),
    ),
  });
  return { train: withKept('train'), heldOut: withKept('heldOut') };
}

interface KeptReferences {
  readonly referenceNames: readonly string[];
  readonly policyReferences: readonly number[];
  readonly otherwise: readonly number[];
}

function requireNear(
  name: string,
  examples: Examples,
  columns: Columns,
  part: (typeof PARTS)[number],
  k: number,
): void {
  for (const side of SIDES) {
    const now = examples.references[k]?.[side];
    const kept = columns[nameOf(k, part, side)];
    now?.logps.forEach((logp, i) => {
      const off = Math.abs(logp - (kept?.[i] ?? NaN));
      // Of the coarsest number format: a cache may come from another machine.
      if (off <= numericalNoise('bfloat16', now.tokens[i] ?? 1)) return;
      throw new MrpoError(
        'config',
        `the checkpoint belongs to another run:\n  reference ${name}: other scores of the same pairs (${examples.names[i]}: ${off.toPrecision(3)} nats)`,
        { hint: 'Put back the log-probs that the run began with, or begin a new run.' },
      );
    });
  }
}
