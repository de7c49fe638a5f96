/**
 * Every error this package throws on purpose is an {@link MrpoError}: a machine-readable `code`, a message that says
 * what, where, got and expected, and the `cause` it was made from. {@link toMrpoError} is the only converter.
 */

/** What kind of thing went wrong. The CLI maps `usage` and `config` to exit code 2, `aborted` to 130, the rest to 1. */
export type ErrorCode =
  | 'usage' // a command line that cannot be understood
  | 'config' // a configuration that is not valid
  | 'data' // preference data, a log-prob or a file that is not valid
  | 'model' // a model folder, tokenizer or template that cannot be used
  | 'backend' // the Python backend failed, died, or speaks another protocol
  | 'environment' // the machine lacks something: Python, disk, network
  | 'aborted' // stopped on request
  | 'internal'; // a defect of this package

export interface MrpoErrorOptions {
  readonly cause?: unknown;
  /** What the user can do about it, one sentence. Shown under the message. */
  readonly hint?: string | undefined;
  /** Machine-readable facts: row numbers, paths, limits. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

export class MrpoError extends Error {
  override readonly name: string = 'MrpoError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: MrpoErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = Object.freeze({ ...options.details });
  }
}

/** Turns anything thrown into an {@link MrpoError}; a stop by AbortSignal becomes code `aborted`. */
export function toMrpoError(thrown: unknown): MrpoError {
  if (thrown instanceof MrpoError) return thrown;
  if (thrown instanceof Error) {
    const code = thrown.name === 'AbortError' ? 'aborted' : 'internal';
    return new MrpoError(code, thrown.message, { cause: thrown });
  }
  return new MrpoError('internal', String(thrown), { cause: thrown });
}
