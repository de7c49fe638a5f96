/**
 * Every error this package throws on purpose is an {@link MrpoError}: a machine-readable `code`, a message that says
 * what, where, got and expected, and the `cause` it was made from. {@link toMrpoError} is the only converter.
 */

/** Every {@link ErrorCode}. */
export const ERROR_CODES = [
  'usage', // a command line that cannot be understood
  'config', // a configuration that is not valid
  'data', // preference data, a log-prob or a file that is not valid
  'model', // a model folder, tokenizer or template that cannot be used
  'backend', // the Python backend failed, died, or speaks another protocol
  'environment', // the machine lacks something: Python, disk, network
  'aborted', // stopped on request
  'internal', // a defect of this package
] as const;

/** What kind of thing went wrong. The CLI maps `usage` and `config` to exit code 2, `aborted` to 130, the rest to 1. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** What an {@link MrpoError} carries beside its code and message; every part may be absent. */
export interface MrpoErrorOptions {
  /** The error this one was made from, for logs. */
  readonly cause?: unknown;
  /** What the user can do about it, one sentence. Shown under the message. */
  readonly hint?: string | undefined;
  /** Machine-readable facts: row numbers, paths, limits. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * The one class of every error that this package throws on purpose. Anything else that is thrown is a defect.
 * @example
 * try {
 * loadConfig({ file: 'run.yaml' });
 * } catch (thrown) {
 * if (!(thrown instanceof MrpoError)) throw thrown;
 * console.error(`${thrown.code}: ${thrown.message}\n${thrown.hint ?? ''}`);
 * }
 */
export class MrpoError extends Error {
  override readonly name: string = 'MrpoError';
  /** For programs to branch on; the message is for people and may change. */
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** Frozen; empty if nothing was given. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: MrpoErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = Object.freeze({ ...options.details });
  }
}

/** What the system refuses for reasons that lie with the machine, and what a user can do about it. */
const SYSTEM_HINTS: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full: free some space, or name a folder on another one.',
  EDQUOT: 'The quota of this user is used up: free some space, or name a folder elsewhere.',
  EROFS: 'The file system is read-only: name a folder elsewhere.',
  EACCES: 'This user may not write there: name another folder, or change its permissions.',
  EPERM: 'This user may not do that there: name another folder, or change its permissions.',
  EBUSY: 'It is in use or a mount point: name a new folder below it.',
  EXDEV: 'It lies on another file system: name a new folder below it.',
  EMFILE: 'Too many files are open: raise the limit (ulimit -n).',
};

/**
 * Turns anything thrown into an {@link MrpoError}; a stop by AbortSignal becomes code `aborted`, a refusal of the system
 * (disk full, no permission) `environment`.
 */
export function toMrpoError(thrown: unknown): MrpoError {
  if (thrown instanceof MrpoError) return thrown;
  if (thrown instanceof Error) {
    const hint = SYSTEM_HINTS[(thrown as NodeJS.ErrnoException).code ?? ''];
    if (hint !== undefined) return new MrpoError('environment', thrown.message, { cause: thrown, hint });
    const code = thrown.name === 'AbortError' ? 'aborted' : 'internal';
    return new MrpoError(code, thrown.message, { cause: thrown });
  }
  return new MrpoError('internal', String(thrown), { cause: thrown });
}
