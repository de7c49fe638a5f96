/** Result of one check, one line of output. */
export interface CheckResult {
  /** What was looked at: "Node.js", "disk". */
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  /** What was found, a few words with figures. */
  readonly found: string;
  /** How to get it right; only with `warn` and `fail`. */
  readonly fix?: string;
}

/** A check that passed. */
export const ok = (check: string, found: string): CheckResult => ({ check, status: 'ok', found });
/** Something that works and may become a problem. */
export const warn = (check: string, found: string, fix: string): CheckResult => ({ check, status: 'warn', found, fix });
/** Something that must be mended before a run can work. */
export const fail = (check: string, found: string, fix: string): CheckResult => ({ check, status: 'fail', found, fix });
