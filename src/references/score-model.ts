/**
 * The start log-probs of one model on some pairs: from the cache where they are there, computed and kept where not.
 * The model is loaded only if a pair is missing, and released before the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelIdentity } from '../backend/backend.js';
import { abortError, throwIfAborted } from '../core/abort.js';
import { scoreText, scoringKey, type ScoreColumns, type ScoringKey } from './cache/index.js';
import { identifyForScoring } from './identify.js';
import { computeScores, type TogetherOptions } from './score-together.js';

/** Which model, on what, with what is known of it. */
export interface ScoreModelOptions extends TogetherOptions {
  /** If the model was identified already. */
  readonly identity?: ModelIdentity | undefined;
  /** What the cache had of it a moment ago; a model that lacks nothing is not read again. */
  readonly known?: ScoreColumns | undefined;
}

/** Scores of one model. */
export interface ModelScores {
  readonly key: ScoringKey;
  /** Aligned with the pairs; NaN where a pair is unusable. */
  readonly columns: ScoreColumns;
  /** Pairs whose log-probs were computed by this call. Equal pairs are computed once. */
  readonly scored: number;
}

/** How often a process that waits for another's scores looks again. */
const WAIT_MS = 500;

/**
 * Scores one model.
 * @throws BackendFault as the backend does; what was finished before stays in the cache.
 */
export async function scoreModel(options: ScoreModelOptions): Promise<ModelScores> {
  const { spec, rule, pairs, backend, cache, signal } = options;
  const identity = options.identity ?? (await identifyForScoring(spec, cache, backend, { signal })).identity;
  const key = scoringKey(identity, rule);
  const texts = pairs.map((pair) => scoreText(pair, rule));
  const before = options.known ?? cache.read(key, texts);
  if (before.missing.length === 0) {
    cache.touch(key, spec.source);
    return { key, columns: before, scored: 0 };
  }
  const computed = await completeScores(options, key, texts, before.missing);
  const columns = cache.read(key, texts);
  const scored = before.missing.filter(
    (at) => computed.has(texts[at] ?? '') && columns.unusable[at] === undefined,
  ).length;
  return { key, columns, scored };
}

/**
 * Waits for whoever scores this model now, then scores what is still missing, until nothing is.
 * @returns the texts that this call computed.
 */
async function completeScores(
  options: ScoreModelOptions,
  key: ScoringKey,
  texts: readonly string[],
  missingBefore: readonly number[],
): Promise<ReadonlySet<string>> {
  const { cache, spec, signal } = options;
  const name = options.name ?? spec.source;
  const computed = new Set<string>();
  let missing = missingBefore;
  const lost = options.lost ?? new Set<string>();
  while (missing.length > 0) {
    throwIfAborted(signal);
    const attempt = cache.claim(key, spec.source);
    if ('holder' in attempt) {
      options.onEvent?.({ kind: 'waiting', model: name, holder: attempt.holder, missing: missing.length });
      await pause(WAIT_MS, signal);
      continue;
    }
    try {
      // What another process finished since the last look is not computed again.
      missing = cache.read(key, texts).missing;
      if (missing.length > 0) {
        await computeScores({ ...options, lost }, key, onePerText(missing, texts), attempt.claim, computed);
      }
    } finally {
      attempt.claim.release();
    }
    missing = cache.read(key, texts).missing;
  }
  return computed;
}

/** Positions of the first of each set of equal pairs. */
function onePerText(positions: readonly number[], texts: readonly string[]): number[] {
  const seen = new Set<string>();
  return positions.filter((position) => {
    const text = texts[position] ?? '';
    if (seen.has(text)) return false;
    seen.add(text);
    return true;
  });
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal && { signal });
  } catch {
    throw abortError(signal);
  }
}
