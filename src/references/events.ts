/** What scoring says along the way, for progress bars and logs. */
import type { ClaimHolder } from './cache/index.js';

/** One thing that happened to one model; `model` is its name in the configuration, counts are pairs. */
export type ScoringEvent =
  | { readonly kind: 'identified'; readonly model: string; readonly cached: number; readonly missing: number }
  /** Another process scores the same model; its rows are waited for. */
  | { readonly kind: 'waiting'; readonly model: string; readonly holder: ClaimHolder; readonly missing: number }
  | {
      readonly kind: 'loading';
      readonly model: string;
      readonly stage: string;
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly kind: 'loaded';
      readonly model: string;
      readonly parameters: number;
      readonly layout: string;
      readonly layoutNote: string;
      readonly notes: readonly string[];
    }
  /** So many backends score the model's pairs together. */
  | { readonly kind: 'shared'; readonly model: string; readonly backends: number }
  /** One of them failed; the others do its part. */
  | { readonly kind: 'helper_lost'; readonly model: string; readonly helper: string; readonly reason: string }
  /** `done` of `total` pairs of this model are in the cache. */
  | { readonly kind: 'scored'; readonly model: string; readonly done: number; readonly total: number };

/** Called for each event, in order. */
export type OnScoringEvent = (event: ScoringEvent) => void;
