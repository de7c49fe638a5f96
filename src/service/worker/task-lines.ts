/** What the service and the process of a task say to each other. */
import type { RunConfig } from '../../config/index.js';
import type { ErrorCode } from '../../core/errors.js';
import type { Failure } from '../journal/line.js';

/** What is to be done with a configuration. */
export interface Task {
  readonly kind: 'plan' | 'score' | 'report' | 'whatif';
  readonly config: RunConfig;
  /** "embedded" or an address. */
  readonly backend: string;
  /** plan: a name of `mrpo plan --device`; empty = this machine. */
  readonly device: string;
  /** Of the call that has asked for it. */
  readonly traceParent: string | undefined;
}

/** How far scoring has come, in pairs. */
export interface TaskProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

/** One line from the process of a task. */
export type TaskLine =
  | { readonly progress: TaskProgress }
  /** There are pairs for `most` further backends; `without`: addresses of those that cannot help. A {@link TaskAnswer} follows. */
  | { readonly helpWanted: { readonly most: number; readonly without: readonly string[] } }
  /** Nothing more is asked of those. */
  | { readonly helpOver: true }
  | { readonly result: unknown }
  | {
      readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly hint?: string | undefined;
        readonly failure: Failure;
      };
    };

/** What a task that wants help is told: addresses of backends that are its own until `helpOver`; often none. */
export interface TaskAnswer {
  readonly lent: readonly string[];
}
