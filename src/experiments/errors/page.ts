/** An error of the paper or of its released code as a page: the number first, then what it means and where it is from. */
export interface ErrorPage {
  /** Of its file. */
  readonly name: string;
  readonly title: string;
  /** What was measured, in one line. */
  readonly number: string;
  /** What the paper or its code says, and why that is wrong. */
  readonly claim: string;
  /** What follows for a reader of its tables. */
  readonly meaning: string;
  /** How it was measured here. */
  readonly method: string;
  readonly table: { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };
}

/** 0.613 as "61.3 %". */
export const percent = (share: number): string => (Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : '–');
/** To three digits. */
export const nats = (value: number): string => (Number.isFinite(value) ? value.toFixed(3) : '–');
