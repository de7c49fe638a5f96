/** One model's pairs scored on several backends at once. */
import type { Backend } from '../backend/backend.js';
import { abortError, throwIfAborted } from '../core/abort.js';
import { toMrpoError } from '../core/errors.js';
import type { Claim, ScoringKey } from './cache/index.js';
import type { OnScoringEvent } from './events.js';
import { computeOn, type ScoringOptions, type Work } from './score-shares.js';
import { requireSameKind, shareOut, worthHelping, type HelperPool, type ScoringHelper, type Share } from './shares.js';

/** On which backends. */
export interface TogetherOptions extends ScoringOptions {
  readonly backend: Backend;
  /** Further backends, where there are enough pairs. One that fails costs time and no score. Default: none. */
  readonly helpers?: HelperPool | undefined;
  /** Names of helpers that have failed: they are not asked again. Added to. Default: none. */
  readonly lost?: Set<string> | undefined;
}

/**
 * Scores pairs on the backend and its helpers, and adds what was computed to `computed`. Returns early if the claim was
 * lost. A helper that fails, or is wanted back, leaves the rest of its share to the others.
 */
export async function computeScores(
  options: TogetherOptions,
  key: ScoringKey,
  positions: readonly number[],
  claim: Claim,
  computed: Set<string>,
): Promise<void> {
  const { backend, helpers: pool, signal, onEvent } = options;
  const shares = shareOut(positions);
  const work: Work = { key, claim, computed, shares, progress: { done: 0, total: positions.length } };
  const helping = new Set<Helping>();
  let open = true;
  const join = (helpers: readonly ScoringHelper[]): void => {
    for (const helper of helpers) {
      const { done, total } = work.progress;
      if (open && worthHelping(total - done, 1) > 0)
        helping.add(helpOut(helper, options, work, (ended) => helping.delete(ended)));
      else helper.giveBack?.();
    }
    if (!open || helpers.length === 0) return;
    onEvent?.({ kind: 'shared', model: options.name ?? options.spec.source, backends: helping.size + 1 });
  };
  const stopHelpers = (): void => {
    open = false;
    for (const { stop } of helping) stop();
  };
  const takeLast = async (): Promise<Share | undefined> => {
    const share = shares.take();
    if (share !== undefined) return share;
    for (const { letGo } of helping) letGo();
    return shares.takeLast();
  };
  signal?.addEventListener('abort', stopHelpers, { once: true });
  const most = worthHelping(positions.length, Infinity);
  const over = most === 0 ? undefined : pool?.ask(most, options.lost ?? new Set(), join);
  try {
    throwIfAborted(signal);
    await computeOn(backend, options, work, takeLast);
  } finally {
    stopHelpers();
    await Promise.all([...helping].map(({ ended }) => ended));
    signal?.removeEventListener('abort', stopHelpers);
    over?.();
  }
}

interface Helping {
  /** Never rejects. */
  readonly ended: Promise<void>;
  stop(): void;
  /** Nothing is left to take: stops one that has no share, and only gets ready. */
  letGo(): void;
}

function helpOut(
  helper: ScoringHelper,
  options: TogetherOptions,
  work: Work,
  onEnd: (helping: Helping) => void,
): Helping {
  const { onEvent, lost } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  const stop = (): void => stopping.abort();
  let hasShare = false;
  const take = async (): Promise<Share | undefined> => {
    hasShare = false;
    const share = await work.shares.takeSoon(signal);
    hasShare = share !== undefined;
    return share;
  };
  const help = async (): Promise<void> => {
    const backend = await orStopped(helper.open(), signal);
    requireSameKind(await options.backend.info({ signal }), await backend.info({ signal }));
    await computeOn(backend, { ...options, signal, onEvent: scoredOnly(onEvent) }, work, take);
  };
  const { recalled } = helper;
  recalled?.addEventListener('abort', stop, { once: true });
  if (recalled?.aborted === true) stop();
  work.shares.join();
  const ended = help()
    .catch((thrown: unknown) => {
      if (signal.aborted) return;
      lost?.add(helper.name);
      const model = options.name ?? options.spec.source;
      onEvent?.({ kind: 'helper_lost', model, helper: helper.name, reason: toMrpoError(thrown).message });
    })
    .then(() => {
      recalled?.removeEventListener('abort', stop);
      work.shares.leave();
      onEnd(helping);
      helper.giveBack?.();
    });
  const helping: Helping = { ended, stop, letGo: () => hasShare || stop() };
  return helping;
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
