/** What a report knows of a run: numbers and words, no files. */
import type { Metrics } from '../objectives/metrics.js';
import type { MetricsLine } from '../store/run-folder.js';

/** One run as the page shows it; everything is formatted or measured already. */
export interface ReportRun {
  /** Short: a column title. */
  readonly name: string;
  readonly status: string;
  /** Why it failed or was stopped. */
  readonly reason?: string | undefined;
  /** One sentence: "mrpo against self, gemma on 900 pairs". */
  readonly summary: string;
  readonly metrics: readonly MetricsLine[];
  /** Steps at which the run continued after an interruption, and what to say of each. */
  readonly wentOn: readonly { readonly x: number; readonly text: string }[];
  /** Of the held-out pairs before the first update; absent if the run ended before. */
  readonly before: Metrics | undefined;
  /** Of the held-out pairs at the last evaluation. */
  readonly after: Metrics | undefined;
  readonly heldOutPairs: number;
  readonly trainingPairs: number;
  /** Share of held-out pairs whose chosen response is the longer one. */
  readonly longerIsChosen: number | undefined;
  readonly references: readonly ReportReference[];
  readonly samples: readonly ReportSample[];
  readonly settings: readonly Fact[];
  readonly facts: readonly Fact[];
  readonly timings: readonly Timing[];
}

/** One reference, judged by its own log-probs of the held-out pairs. */
export interface ReportReference {
  readonly name: string;
  readonly model: string;
  /** Share of held-out pairs whose chosen response this reference finds more likely. */
  readonly accuracy: number | undefined;
  /** Mean log-prob difference, chosen minus rejected, nats. */
  readonly meanDifference: number | undefined;
}

/** One held-out prompt with the answers of the policy and of the data. */
export interface ReportSample {
  readonly prompt: string;
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly chosen: string;
  readonly rejected: string;
}

/** One line of a list of facts. */
export interface Fact {
  readonly label: string;
  readonly value: string;
}

/** Wall time of one stage. */
export interface Timing {
  readonly label: string;
  readonly seconds: number;
}

/** A section of a caller's own. */
export interface Panel {
  readonly title: string;
  /** Plain text under the title. */
  readonly text?: string | undefined;
  readonly table?: { readonly columns: readonly string[]; readonly rows: readonly (readonly string[])[] } | undefined;
}
