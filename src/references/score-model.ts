/**
 * The start log-probs of one model on some pairs: from the cache where they are there, computed and kept where not.
 * The model is loaded only if a pair is missing, and released before the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend, LoadedModel, ModelIdentity, ModelSpec, TokenRule } from '../backend/backend.js';
import { abortError, throwIfAborted } from '../core/abort.js';
import { MrpoError, toMrpoError } from '../core/errors.js';
import type { PreferencePair } from '../data/pair.js';
import {
  flagsOf,
  scoreText,
  scoringKey,
  type Claim,
  type LogpCache,
  type PairScore,
  type ScoreColumns,
  type ScoringKey,
} from './cache/index.js';
import { checkLogps } from './check-logp.js';
import type { OnScoringEvent } from './events.js';
import { identifyForScoring } from './identify.js';
import { requireSameKind, shareOut, worthHelping, type HelperPool, type ScoringHelper } from './shares.js';

/** Which model scores which pairs, under which token rule. */
export interface ScoreModelOptions {
  readonly spec: ModelSpec;
  readonly rule: TokenRule;
  readonly pairs: readonly PreferencePair[];
  readonly backend: Backend;
  readonly cache: LogpCache;
  /** For messages. Default: the model's source. */
  readonly name?: string | undefined;
  /** Further backends, where there are enough pairs. One that fails costs time and no score. Default: none. */
  readonly helpers?: HelperPool | undefined;
  /** Names of helpers that have failed: they are not asked again. Added to. Default: none. */
  readonly lost?: Set<string> | undefined;
  /** If the model was identified already. */
  readonly identity?: ModelIdentity | undefined;
  /** What the cache had of it a moment ago; a model that lacks nothing is not read again. */
  readonly known?: ScoreColumns | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: OnScoringEvent | undefined;
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

/**
 * Scores pairs on the backend and its helpers, and adds what was computed to `computed`. Returns early if the claim was
 * lost. A helper that fails is left out from then on: what it has not done is still missing.
 */
async function computeScores(
  options: ScoreModelOptions,
  key: ScoringKey,
  positions: readonly number[],
  claim: Claim,
  computed: Set<string>,
): Promise<void> {
  const { backend, helpers: pool, signal, onEvent } = options;
  const most = pool === undefined ? 0 : worthHelping(positions.length, Infinity);
  const asked = most === 0 ? [] : ((await pool?.lend(most, options.lost ?? new Set())) ?? []);
  const take = shareOut(positions, asked.length);
  const work: Work = { key, claim, computed, take, progress: { done: 0, total: positions.length } };
  if (asked.length > 0) {
    onEvent?.({ kind: 'shared', model: options.name ?? options.spec.source, backends: asked.length + 1 });
  }
  const helping = asked.map((helper) => helpOut(helper, options, work));
  const stopHelpers = (): void => helping.forEach(({ stop }) => stop());
  signal?.addEventListener('abort', stopHelpers, { once: true });
  try {
    throwIfAborted(signal);
    await computeOn(backend, options, work);
    helping.forEach(({ letGo }) => letGo());
  } catch (thrown) {
    stopHelpers();
    throw thrown;
  } finally {
    await Promise.all(helping.map(({ ended }) => ended));
    signal?.removeEventListener('abort', stopHelpers);
    if (asked.length > 0) pool?.giveBack();
  }
}

/** What several backends do together. */
interface Work {
  readonly key: ScoringKey;
  readonly claim: Claim;
  readonly computed: Set<string>;
  readonly take: () => readonly number[] | undefined;
  /** Pairs. */
  readonly progress: { done: number; readonly total: number };
}

interface Helping {
  /** Never rejects. */
  readonly ended: Promise<void>;
  stop(): void;
  /** Nothing is left to take: stops one that has no share, and only gets ready. */
  letGo(): void;
}

function helpOut(helper: ScoringHelper, options: ScoreModelOptions, work: Work): Helping {
  const { onEvent, lost } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const stop = (): void => stopping.abort();
  let hasShare = false;
  const take = (): readonly number[] | undefined => {
    const share = work.take();
    hasShare = share !== undefined;
    return share;
  };
  const help = async (): Promise<void> => {
    const backend = await orStopped(helper.open(), signal);
    requireSameKind(await options.backend.info({ signal }), await backend.info({ signal }));
    await computeOn(backend, { ...options, signal, onEvent: scoredOnly(onEvent) }, { ...work, take });
  };
  const ended = help().catch((thrown: unknown) => {
    if (signal.aborted) return;
    lost?.add(helper.name);
    const model = options.name ?? options.spec.source;
    onEvent?.({ kind: 'helper_lost', model, helper: helper.name, reason: toMrpoError(thrown).message });
  });
  return { ended, stop, letGo: () => hasShare || stop() };
}

/** What `opening` gives, unless the signal fires before. */
function orStopped<T>(opening: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(abortError(signal)), { once: true });
    opening.then(resolve, reject);
  });
}

/** Of loading, the backend itself speaks for all. */
const scoredOnly =
  (onEvent: OnScoringEvent | undefined): OnScoringEvent =>
  (event) =>
    event.kind === 'scored' && onEvent?.(event);

/** Loads the model on one backend and scores shares there, while there are any and the claim is held. */
async function computeOn(backend: Backend, options: ScoreModelOptions, work: Work): Promise<void> {
  const { spec, signal, onEvent } = options;
  const name = options.name ?? spec.source;
  const model = await backend.loadModel(spec, {
    signal,
    onProgress: ({ stage, done, total }) => onEvent?.({ kind: 'loading', model: name, stage, done, total }),
  });
  try {
    requireSameModel(name, work.key, model);
    const { parameters, layout, layoutNote, notes } = model;
    onEvent?.({ kind: 'loaded', model: name, parameters, layout, layoutNote, notes });
    for (let share = work.take(); share !== undefined && work.claim.isHeld(); share = work.take())
      await streamScores(backend, options, share, work, model.handle);
  } finally {
    await release(backend, model.handle);
  }
}

/** Scores one share and keeps every chunk as it arrives. Returns early if the claim was lost. */
async function streamScores(
  backend: Backend,
  options: ScoreModelOptions,
  positions: readonly number[],
  work: Work,
  handle: string,
): Promise<void> {
  const { spec, rule, pairs, cache, signal, onEvent } = options;
  const { key, claim, computed } = work;
  const name = options.name ?? spec.source;
  const asked = positions.map((position) => pairs[position]).filter((pair) => pair !== undefined);
  const rowSet = await backend.registerRows(handle, asked, rule, { signal });
  const facts = rowSet.rows;
  if (facts.length !== asked.length) throw leftOut(name, facts.length, asked.length);
  const scoreOf = (row: number, chosen: number, rejected: number, reason?: string): PairScore => {
    const [fact, pair] = [facts[row], asked[row]];
    if (fact === undefined || pair === undefined) throw leftOut(name, row, asked.length);
    const checked =
      reason === undefined ? checkLogps(chosen, rejected) : { chosen: NaN, rejected: NaN, unusable: reason };
    const { promptTokens, chosenTokens, rejectedTokens } = fact;
    return {
      text: scoreText(pair, rule),
      ...checked,
      promptTokens,
      chosenTokens,
      rejectedTokens,
      flags: flagsOf(fact),
    };
  };
  const unusable = facts.flatMap((fact, row) =>
    fact.unusable === undefined ? [] : [scoreOf(row, NaN, NaN, fact.unusable)],
  );
  cache.write(key, spec.source, unusable);
  work.progress.done += unusable.length;
  const usable = facts.flatMap((fact, row) => (fact.unusable === undefined ? [row] : []));
  if (usable.length === 0) return;
  let done = unusable.length;
  for await (const chunk of backend.score(rowSet.handle, { rows: usable, ...(signal && { signal }) })) {
    if (!claim.isHeld()) return;
    const scores = chunk.rows.map((row, i) =>
      scoreOf(row, chunk.logps.chosen[i] ?? NaN, chunk.logps.rejected[i] ?? NaN),
    );
    cache.write(key, spec.source, scores);
    for (const { text } of scores) computed.add(text);
    done += scores.length;
    work.progress.done += scores.length;
    onEvent?.({ kind: 'scored', model: name, ...work.progress });
  }
  if (done !== asked.length) throw leftOut(name, done, asked.length);
}

/** Weights that changed on disk between being identified and being loaded must not be kept under the old identity. */
function requireSameModel(name: string, key: ScoringKey, { identity }: LoadedModel): void {
  const differing = (['weights', 'tokenizer', 'chatTemplate', 'numericPath'] as const).filter(
    (part) => identity[part] !== key[part],
  );
  if (differing.length === 0) return;
  throw new MrpoError(
    'model',
    `model "${name}": its ${differing.join(', ')} changed between being identified and being loaded`,
    {
      hint: 'Wait until its files are written, then run again.',
      details: { differing },
    },
  );
}

const leftOut = (name: string, got: number, expected: number): MrpoError =>
  new MrpoError('backend', `model "${name}": the backend answered for ${got} pairs, expected ${expected}`, {
    hint: 'This is a defect of the backend; what it answered for is kept.',
  });

/** A backend that has died has released everything already: what it died of is the error to show. */
async function release(backend: Backend, handle: string): Promise<void> {
  await backend.unloadModel(handle).catch(() => undefined);
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(ms, undefined, signal && { signal });
  } catch {
    throw abortError(signal);
  }
}
