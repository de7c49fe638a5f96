/** Matches a time such as 90s, 10min or 1.5h; the groups are the number and the unit. */
export const DURATION = /^(\d+(?:\.\d+)?)(s|min|h)$/;

const SECONDS = { s: 1, min: 60, h: 3600 } as const;

/** Seconds of a time or of a number of seconds; `undefined` for anything else. */
export function secondsOf(value: string | number): number | undefined {
  if (typeof value === 'number') return value;
  const parts = DURATION.exec(value);
  return parts === null ? undefined : Number(parts[1]) * SECONDS[parts[2] as keyof typeof SECONDS];
}

/** A rhythm: every so many steps, or every so many seconds. */
export type Rhythm = { readonly steps: number } | { readonly seconds: number };

/** The rhythm that a configured value means: a number is steps, a text is a time. */
export const rhythmOf = (value: string | number): Rhythm =>
  typeof value === 'number' ? { steps: value } : { seconds: secondsOf(value) ?? Infinity };
