/** The metrics of the main table, in words for somebody who has never read the paper. */
import type { MetricName } from '../objectives/metrics.js';
import { percentText } from '../core/quantities.js';
import { numberText } from './numbers.js';

/** One measure of the main table. */
export interface MetricRow {
  readonly name: MetricName;
  readonly label: string;
  /** One or two sentences below the label; empty = none. */
  readonly explain: string;
  readonly format: (value: number | undefined) => string;
}

/** In the order of the table: first what methods can be compared by. */
export const METRIC_ROWS: readonly MetricRow[] = [
  {
    name: 'accuracies/per_token',
    label: 'Accuracy without any reference',
    explain:
      'How often the model itself finds the preferred answer more likely, per token. The same yardstick for every method.',
    format: percentText,
  },
  {
    name: 'accuracies/refm1',
    label: 'Accuracy against the starting point',
    explain:
      'How often training raised the preferred answer more than the other one, compared with the first reference (RefM1). Before training nothing has moved: ties count as wrong.',
    format: percentText,
  },
  {
    name: 'rewards/accuracies',
    label: "Accuracy by the method's own reward",
    explain:
      'What papers usually print. With several references it is not 0 before training: the references alone already decide. Read it beside its own step 0.',
    format: percentText,
  },
  {
    name: 'margins/refm1',
    label: 'Margin against the starting point (nats)',
    explain: 'By how much training moved the preferred answer ahead of the other one, in log-probability.',
    format: numberText,
  },
  {
    name: 'rewards/margins',
    label: "Margin of the method's own reward",
    explain: 'The same, times beta, measured against the reference that the method trains with.',
    format: numberText,
  },
  {
    name: 'loss',
    label: 'Loss',
    explain: 'What training makes smaller. ln 2 = 0.693 means: no preference yet.',
    format: numberText,
  },
  {
    name: 'logps/chosen',
    label: 'Log-prob of preferred answers',
    explain: 'Sum over the tokens, mean over pairs. It often falls in preference training, only less than the other.',
    format: numberText,
  },
  { name: 'logps/rejected', label: 'Log-prob of other answers', explain: '', format: numberText },
];
