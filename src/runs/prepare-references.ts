/** Every reference's log-probs of the run's pairs, before the policy changes. */
import type { Backend, PairText, ScoreChunk, TokenRule } from '../backend/backend.js';
import { referenceModelSpec, referenceName, type RunConfig } from '../config/index.js';
import type { ReferenceView } from './build-examples.js';
import type { ProgressOf } from './run-context.js';

export interface ScoredReference extends ReferenceView {
  readonly model: string;
  readonly scored: number;
  readonly cached: number;
}

export async function prepareReferences(
  backend: Backend,
  config: RunConfig,
  pairs: readonly PairText[],
  { rule, signal, progressOf }: { readonly rule: TokenRule; readonly signal: AbortSignal; readonly progressOf: ProgressOf },
): Promise<readonly ScoredReference[]> {
  const views: ScoredReference[] = [];
  for (const reference of config.references) {
    const onProgress = progressOf(referenceName(reference));
    const model = await backend.loadModel(referenceModelSpec(config, reference), { signal, onProgress });
    const rows = await backend.registerRows(model.handle, pairs, rule, { signal, onProgress });
    const chosen = new Float64Array(pairs.length).fill(NaN);
    const rejected = new Float64Array(pairs.length).fill(NaN);
    const chunks: AsyncIterable<ScoreChunk> = backend.score(rows.handle, { signal, onProgress });
    for await (const chunk of chunks) {
      chunk.rows.forEach((row, i) => {
        chosen[row] = chunk.chosenLogps[i] ?? NaN;
        rejected[row] = chunk.rejectedLogps[i] ?? NaN;
      });
    }
    await backend.unloadModel(model.handle);
    views.push({
      name: referenceName(reference),
      model: reference.model,
      scored: rows.rows.filter(({ unusable }) => unusable === undefined).length,
      cached: 0,
      unusable: rows.rows.map(({ unusable }) => unusable),
      columns: {
        chosen: { logps: chosen, tokens: Float64Array.from(rows.rows, ({ chosenTokens }) => chosenTokens) },
        rejected: { logps: rejected, tokens: Float64Array.from(rows.rows, ({ rejectedTokens }) => rejectedTokens) },
      },
    });
  }
  return views;
}
