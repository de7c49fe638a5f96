/** The one number of each task that tables show, out of all that the harness gives. */
import { largest } from '../core/extremes.js';
import type { TaskScore } from '../backend/backend.js';
import type { Headline } from './profiles.js';

/** The one number of a task, as a share. */
export interface HeadlineValue {
  readonly name: string;
  readonly title: string;
  /** Share in [0, 1] for every task of the profiles. */
  readonly value: number;
  /** Of the mean where several numbers are taken together, as if they were independent; NaN = not known. */
  readonly standardError: number;
  readonly documents: number;
}

/** Name of the mean over all headlines. */
export const AVERAGE = 'average';

/** In the order of the headlines, with their mean last where there are several. Those without a score are left out. */
export function headlineValues(headlines: readonly Headline[], scores: readonly TaskScore[]): readonly HeadlineValue[] {
  const values = headlines.flatMap((headline) => {
    if (headline.of.length === 0) return ownNumbers(headline, scores);
    const numbers = headline.of.flatMap(numberOf(scores));
    return numbers.length < headline.of.length
      ? []
      : [{ name: headline.name, title: headline.title, ...meanOf(numbers) }];
  });
  if (values.length < 2 || values.length < headlines.length) return values; // a mean of some of them says nothing
  return [...values, { name: AVERAGE, title: 'Average', ...meanOf(values) }];
}

type Numbers = Pick<HeadlineValue, 'value' | 'standardError' | 'documents'>;

const numberOf =
  (scores: readonly TaskScore[]) =>
  ([task, metric, filter]: readonly [string, string, string]): readonly Numbers[] =>
    scores
      .filter((score) => score.task === task)
      .flatMap(({ metrics, documents }) =>
        metrics
          .filter((found) => found.name === metric && found.filter === filter)
          .map(({ value, standardError }) => ({ value, standardError, documents })),
      );

/** Of a name that no profile knows: the first metric of each task that it stands for, or of its group. */
function ownNumbers({ name }: Headline, scores: readonly TaskScore[]): readonly HeadlineValue[] {
  const asked = scores.filter(({ source }) => source === name);
  const parts = new Set(asked.flatMap((score) => score.parts));
  return asked
    .filter(({ task }) => !parts.has(task))
    .flatMap(({ task, metrics: [first], documents }) =>
      first === undefined
        ? []
        : [{ name: task, title: task, value: first.value, standardError: first.standardError, documents }],
    );
}

function meanOf(numbers: readonly Numbers[]): Numbers {
  const mean = (of: (each: Numbers) => number): number =>
    numbers.reduce((sum, each) => sum + of(each), 0) / numbers.length;
  return {
    value: mean(({ value }) => value),
    standardError: Math.sqrt(mean(({ standardError }) => standardError ** 2) / numbers.length),
    documents: largest(numbers.map(({ documents }) => documents)),
  };
}
