/** Small batches for the tests of this folder. */
import { objectiveSchema, type ObjectiveConfig } from '../../src/config/schema.js';
import type { z } from 'zod';
import type { ModelColumns, PairBatch } from '../../src/objectives/objective.js';

/** [chosen, rejected] log-probs of one pair. */
export type Logps = readonly [number, number];

export interface PairOfLogps {
  readonly policy: Logps;
  readonly references: readonly Logps[];
  /** [chosen, rejected] tokens, of every model alike. */
  readonly tokens?: Logps;
}

/** A batch of pairs; 10 tokens and 40 bytes a response unless told. */
export function batchOf(...pairs: readonly PairOfLogps[]): PairBatch {
  const model = (logps: (pair: PairOfLogps) => Logps): ModelColumns => ({
    chosen: { logps: column(pairs, (pair) => logps(pair)[0]), tokens: column(pairs, (pair) => pair.tokens?.[0] ?? 10) },
    rejected: {
      logps: column(pairs, (pair) => logps(pair)[1]),
      tokens: column(pairs, (pair) => pair.tokens?.[1] ?? 10),
    },
  });
  return {
    size: pairs.length,
    policy: model((pair) => pair.policy),
    references: (pairs[0]?.references ?? []).map((_, k) => model((pair) => pair.references[k]!)),
    bytes: {
      chosen: column(pairs, (pair) => 4 * (pair.tokens?.[0] ?? 10)),
      rejected: column(pairs, (pair) => 4 * (pair.tokens?.[1] ?? 10)),
    },
  };
}

/** `objective:` of a configuration with its defaults. */
export function objectiveConfig(input: z.input<typeof objectiveSchema> = {}): ObjectiveConfig {
  return objectiveSchema.parse(input);
}

function column(pairs: readonly PairOfLogps[], value: (pair: PairOfLogps) => number): Float64Array {
  return Float64Array.from(pairs, value);
}
