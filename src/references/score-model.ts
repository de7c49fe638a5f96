/**
 * The start log-probs of one model on some pairs: from the cache where they are there, computed and kept where not.
 * The model is loaded only if a pair is missing, and released before the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelIdentity } from '../backend/backend.js';
import { abortError, throwIfAborted } from '../core/abort.js';
import { scoreText, scoringKey, type Claim, type ScoreColumns, type ScoringKey } from './cache/index.js';
import { identifyForScoring } from './identify.js';
import { computeScores, type TogetherOptions } from './score-together.js';

/** Which model, on what, with what is known of it. */
export interface ScoreModelOptions extends TogetherOptions {
  /** If the model was identified already. */
  readonly identity?: ModelIdentity | undefined;
  /** What the cache had of it a moment ago; a model that lacks nothing is not read again. */
  readonly known?: ScoreColumns | undefined;
  /** How long another process that scores the model is waited for where that brings nothing. Default 10 s. */
  readonly patienceMs?: number | undefined;
}

/** Scores of one model. */
export interface ModelScores {
  readonly key: ScoringKey;
  /** Aligned with the pairs; NaN where a pair is unusable. */
  readonly columns: ScoreColumns;
  /** Pairs whose log-probs were computed by this call. Equal pairs are computed once. */
  readonly scored: number;
}

/** How often a process that waits for another's scores looks whether that has ended. */
const WAIT_MS = 500;
/** How often it looks which of its own pairs there are by now. */
const LOOK_MS = 5_000;
/** So long it waits where that brings it nothing. */
const PATIENCE_MS = 10_000;
/** Scoring fewer pairs twice costs less than waiting for a process that may have many. */
const FEW_PAIRS = 128;

/** Of who scores beside the one that has the claim: a score that is there stays, so this costs time and nothing else. */
const BESIDE: Claim = { isHeld: () => true, release: () => undefined };

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
 * Waits for whoever scores this model now while that brings scores of these pairs, then scores what is still missing,
 * until nothing is.
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
  const { patienceMs = PATIENCE_MS } = options;
  const begun = performance.now();
  const stored = cache.count(key);
  let looked = begun;
  let waitsFor: number | undefined;
  /** Whether it goes on beside another process, which has other pairs of this model to score, or too many. */
  const isInVain = (now: number): boolean =>
    now - begun >= patienceMs &&
    (missing.length < FEW_PAIRS || (missing.length === missingBefore.length && cache.count(key) > stored));
  let beside = false;
  while (missing.length > 0) {
    throwIfAborted(signal);
    const attempt = beside ? { claim: BESIDE } : cache.claim(key, spec.source);
    if ('holder' in attempt) {
      const { holder } = attempt;
      if (waitsFor !== holder.process)
        options.onEvent?.({ kind: 'waiting', model: name, holder, missing: missing.length });
      waitsFor = holder.process;
      await pause(Math.min(WAIT_MS, patienceMs), signal);
      const now = performance.now();
      if (now - looked < Math.min(LOOK_MS, patienceMs)) continue;
      looked = now;
      ({ missing } = cache.read(key, texts));
      beside = isInVain(now);
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
