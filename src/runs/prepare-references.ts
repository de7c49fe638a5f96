/** Every reference's log-probs of the run's pairs, from the cache or scored now, before the policy changes. */
import type { Backend } from '../backend/backend.js';
import type { RunConfig } from '../config/index.js';
import type { PreferencePair } from '../data/index.js';
import {
  openLogpCache,
  scoreReferences,
  type LogpCache,
  type ScoredReference,
  type ScoringEvent,
  type HelperPool,
} from '../references/index.js';
import type { RunEvent } from '../store/events.js';
import type { ReferenceFacts } from '../store/run-record.js';

/** Where scores are kept, and who hears of the work. */
export interface ReferenceOptions {
  /** Default: the user's cache, opened and closed here. */
  readonly cache?: LogpCache | undefined;
  /** Further backends that score a part of the pairs. Default: none. */
  readonly helpers?: HelperPool | undefined;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => void;
}

/** Scores every reference on all pairs. One entry per reference, in configuration order. */
export async function prepareReferences(
  backend: Backend,
  config: RunConfig,
  pairs: readonly PreferencePair[],
  { cache: given, helpers, signal, emit }: ReferenceOptions,
): Promise<readonly ScoredReference[]> {
  const cache = given ?? openLogpCache();
  try {
    const onEvent = (event: ScoringEvent): void => tell(event, emit);
    const { references } = await scoreReferences({ config, pairs, backend, helpers, cache, signal, onEvent });
    return references;
  } finally {
    if (given === undefined) cache.close();
  }
}

function tell(event: ScoringEvent, emit: (event: RunEvent) => void): void {
  const { model } = event;
  const note = (message: string): void => emit({ type: 'note', message: `${model}: ${message}` });
  switch (event.kind) {
    case 'identified':
      return note(
        event.missing === 0
          ? `all ${event.cached} pairs are in the cache`
          : `${event.missing} pairs to score, ${event.cached} in the cache`,
      );
    case 'waiting':
      return note(
        `process ${event.holder.process} on ${event.holder.host} scores the same model; waiting for its ${event.missing} pairs`,
      );
    case 'shared':
      return note(`its pairs are scored on ${event.backends} backends`);
    case 'helper_lost':
      return note(`the backend at ${event.helper} could not help: ${event.reason}`);
    case 'loading':
      return emit({
        type: 'progress',
        stage: 'references',
        what: model,
        work: event.stage,
        done: event.done,
        total: event.total,
        unit: '',
      });
    case 'loaded':
      event.notes.forEach(note);
      return event.layout === 'plain' ? note(event.layoutNote) : undefined;
    case 'scored':
      return emit({
        type: 'progress',
        stage: 'references',
        what: model,
        work: 'score',
        done: event.done,
        total: event.total,
        unit: 'pairs',
      });
  }
}

/** Which of the references are the policy as it starts. */
export const policyAmong = (references: readonly ScoredReference[]): readonly number[] =>
  references.flatMap(({ isPolicy }, k) => (isPolicy ? [k] : []));

/** What `run.json` and evaluations say of a reference. */
export const referenceFacts = ({ name, source, isPolicy, counts }: ScoredReference): ReferenceFacts => ({
  name,
  model: isPolicy ? 'policy' : source,
  scored: counts.scored,
  cached: counts.cached,
});
