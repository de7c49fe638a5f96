/** Which runs are meant, as SQL. */
import type { RunState } from '../journal/line.js';

/** Which runs a list shows. */
export interface RunFilter {
  /** Any of these; none = all. */
  readonly states?: readonly RunState[] | undefined;
  /** All of these. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly tenant?: string | undefined;
  /** Created before the run of this number. */
  readonly before?: number | undefined;
}

/** The WHERE clause of a filter, with its values in order; empty text for all runs. */
export function filterOf({ states = [], labels = {}, tenant, before }: RunFilter): {
  readonly where: string;
  readonly values: (string | number)[];
} {
  const pairs = Object.entries(labels);
  const parts = [
    ...(states.length > 0 ? [`state IN (${states.map(() => '?').join(', ')})`] : []),
    ...(tenant === undefined ? [] : ['tenant = ?']),
    ...(before === undefined ? [] : ['number < ?']),
    ...pairs.map(() => 'number IN (SELECT run FROM labels WHERE key = ? AND value = ?)'),
  ];
  return {
    where: parts.length === 0 ? '' : `WHERE ${parts.join(' AND ')}`,
    values: [
      ...states,
      ...(tenant === undefined ? [] : [tenant]),
      ...(before === undefined ? [] : [before]),
      ...pairs.flat(),
    ],
  };
}
