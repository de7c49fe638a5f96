/**
 * Whole objectives against float64 autograd of the plain formulas (test/vectors/make_gradients.py): every loss x
 * pooling x weights x clip, with what the weights have learnt from earlier batches.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { objectiveSchema } from '../../src/config/schema.js';
import { createObjective } from '../../src/objectives/create-objective.js';
import type { ModelColumns, Objective, PairBatch } from '../../src/objectives/objective.js';
import { objectiveConfig } from './batches.js';

/** B rows of [chosen, rejected]. */
type Rows = readonly (readonly [number, number])[];

interface BatchData {
  readonly policy: Rows;
  readonly references: readonly Rows[];
  readonly tokens: readonly Rows[];
  readonly bytes: Rows;
}

interface GradientCase {
  readonly objective: z.input<typeof objectiveSchema> & { readonly loss: string; readonly chosen?: number };
  readonly past: readonly number[];
  readonly batch: number;
  readonly losses: readonly number[];
  readonly gradients: Rows;
}

const fixture = JSON.parse(readFileSync(new URL('../vectors/gradients.json', import.meta.url), 'utf8')) as {
  readonly batches: readonly BatchData[];
  readonly cases: readonly GradientCase[];
};
const batches = fixture.batches.map(toBatch);

const RELATIVE = 1e-9;

function toBatch(data: BatchData): PairBatch {
  const column = (rows: Rows, side: 0 | 1): Float64Array => Float64Array.from(rows, (row) => row[side]);
  const model = (logps: Rows, tokens: Rows): ModelColumns => ({
    chosen: { logps: column(logps, 0), tokens: column(tokens, 0) },
    rejected: { logps: column(logps, 1), tokens: column(tokens, 1) },
  });
  return {
    size: data.policy.length,
    policy: model(data.policy, data.tokens[0]!),
    references: data.references.map((logps, k) => model(logps, data.tokens[k + 1]!)),
    bytes: { chosen: column(data.bytes, 0), rejected: column(data.bytes, 1) },
    positions: Int32Array.from(data.policy, (_, row) => row),
  };
}

/** The objective after it has seen the case's earlier batches. AlphaDPO's cases start from no statistics. */
async function trained({ objective: { chosen, ...input }, past }: GradientCase): Promise<Objective> {
  const references = batches[past[0]!]!.references.length;
  const objective = await createObjective(objectiveConfig(input), { references });
  const fresh = objective.state?.() as
    { readonly loss?: unknown; readonly weighting?: Record<string, unknown> } | undefined;
  objective.fit?.(batches[past[1]!]!);
  for (const step of past) objective.observe?.(batches[step]!);
  if (fresh === undefined) return objective;
  const learnt = objective.state!() as Record<string, unknown>;
  const weighting = chosen === undefined ? learnt['weighting'] : { ...fresh.weighting, chosen };
  objective.restore!(
    structuredClone({
      ...learnt,
      ...('loss' in fresh && { loss: fresh.loss }),
      ...(weighting !== undefined && { weighting }),
    }),
  );
  return objective;
}

function wrongRows(actual: Float64Array, expected: readonly number[]): unknown[] {
  return expected.flatMap((value, row) =>
    Math.abs(actual[row]! - value) <= RELATIVE * Math.abs(value) ? [] : [{ row, actual: actual[row], value }],
  );
}

describe.each([...new Set(fixture.cases.map(({ objective }) => objective.loss))])('%s', (loss) => {
  const cases = fixture.cases.filter(({ objective }) => objective.loss === loss);

  it('agrees with autograd to 1e-9 relative in every combination', async () => {
    const wrong: unknown[] = [];
    for (const entry of cases) {
      const result = (await trained(entry)).evaluate(batches[entry.batch]!);
      const found = [
        ...wrongRows(result.losses, entry.losses),
        ...wrongRows(
          result.gradients.chosen,
          entry.gradients.map(([chosen]) => chosen),
        ),
        ...wrongRows(
          result.gradients.rejected,
          entry.gradients.map(([, rejected]) => rejected),
        ),
      ];
      if (found.length > 0) wrong.push({ objective: entry.objective, found });
    }
    expect(cases.length).toBeGreaterThanOrEqual(15);
    expect(wrong).toEqual([]);
  });
});

it('covers every loss x pooling x weights x clip', () => {
  const multi = fixture.cases.filter(({ objective }) => objective.loss !== 'dpo' && objective.loss !== 'simpo');
  const kinds = new Set(
    multi.map(({ objective }) =>
      JSON.stringify([
        objective.loss,
        objective.pooling,
        Array.isArray(objective.weights) ? 'fixed' : objective.weights,
        objective.clip!.mode,
      ]),
    ),
  );
  expect(kinds.size).toBe(5 * 7 * 9 * 3);
});
