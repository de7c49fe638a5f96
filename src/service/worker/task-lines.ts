/** What the service and the process of a task say to each other. */
import type { RunConfig } from '../../config/index.js';
import type { ErrorCode } from '../../core/errors.js';
import type { HelpLine } from '../journal/help.js';
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
  /** Answered, at once or later, by lines with a `HelpAnswer` each. */
  | { readonly help: HelpLine }
  | { readonly result: unknown }
  | {
      readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly hint?: string | undefined;
        readonly failure: Failure;
      };
    };
