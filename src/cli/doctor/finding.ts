/** What one check of the machine found. */

export interface CheckResult {
  /** What was looked at: "Node.js", "disk". */
  readonly check: string;
  readonly status: 'ok' | 'warn' | 'fail';
  /** What was found, a few words with figures. */
  readonly found: string;
  /** How to get it right; only with `warn` and `fail`. */
  readonly fix?: string;
}

export const ok = (check: string, found: string): CheckResult => ({ check, status: 'ok', found });
export const warn = (check: string, found: string, fix: string): CheckResult => ({ check, status: 'warn', found, fix });
export const fail = (check: string, found: string, fix: string): CheckResult => ({ check, status: 'fail', found, fix });
