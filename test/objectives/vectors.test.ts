/** Whole objectives against golden numbers with 50 digits (test/vectors/composition.py). */
import { expect, it } from 'vitest';
import type { z } from 'zod';
import type { objectiveSchema } from '../../src/config/schema.js';
import { createObjective } from '../../src/objectives/create-objective.js';
import { explainRow } from '../../src/objectives/explain-row.js';
import type { ModelColumns, PairBatch } from '../../src/objectives/objective.js';
import { deviations, readVectors } from '../vectors/read-vectors.js';
import { objectiveConfig } from './batches.js';

interface PairInput {
  readonly policy: readonly [number, number];
  readonly references: readonly (readonly [number, number])[];
  readonly tokens: readonly [number, number];
  readonly bytes: readonly [number, number];
  readonly objective: z.input<typeof objectiveSchema>;
}

function batchOf({ policy, references, tokens, bytes }: PairInput): PairBatch {
  const model = (logps: readonly [number, number]): ModelColumns => ({
    chosen: { logps: Float64Array.of(logps[0]), tokens: Float64Array.of(tokens[0]) },
    rejected: { logps: Float64Array.of(logps[1]), tokens: Float64Array.of(tokens[1]) },
  });
  return {
    size: 1,
    policy: model(policy),
    references: references.map(model),
    bytes: { chosen: Float64Array.of(bytes[0]), rejected: Float64Array.of(bytes[1]) },
  };
}

const cases = readVectors()
  .filter(({ op }) => op === 'pair')
  .map((entry) => ({ ...entry, input: entry.input as unknown as PairInput }));

it.each([...new Set(cases.map(({ input }) => input.objective!.loss!))])('%s agrees at every stage', async (loss) => {
  const chosen = cases.filter(({ input }) => input.objective!.loss === loss);
  const wrong = [];
  for (const { id, input, expected, cancellation } of chosen) {
    const objective = await createObjective(objectiveConfig(input.objective), { references: input.references.length });
    const explained = explainRow(objective.evaluate(batchOf(input)), 0);
    wrong.push(...deviations(explained, expected, cancellation).map((deviation) => ({ id, input, ...deviation })));
  }
  expect(chosen.length).toBeGreaterThan(30);
  expect(wrong).toEqual([]);
});
