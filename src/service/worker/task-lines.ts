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
  /** Addresses of backends that score a part of the pairs. */
  readonly helpers: readonly string[];
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
  | { readonly result: unknown }
  | {
      readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly hint?: string | undefined;
        readonly failure: Failure;
      };
    };
