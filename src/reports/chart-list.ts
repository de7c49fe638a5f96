/** The charts of a run, as data: the report draws them as SVG, the web page live. */

/** How a measure is drawn: `smoothed` with each step pale behind it, `dots` for few points, `plain` as it is. */
export type LineStyle = 'smoothed' | 'dots' | 'plain';

/** One chart: which measures of a metrics line it draws, and how. */
export interface ChartDefinition {
  readonly title: string;
  /** Plain words: what this shows and what to look for. */
  readonly caption: string;
  /** Measures of a metrics line. */
  readonly lines: readonly { readonly metric: string; readonly name: string; readonly style: LineStyle }[];
  /** Default: plain numbers. */
  readonly unit?: 'share' | 'bytes' | undefined;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
  /** Beside it, what preferring the longer answer would score. */
  readonly lengthBaseline?: boolean | undefined;
}

const trained = (metric: string): ChartDefinition['lines'][number] => ({ metric, name: 'training', style: 'smoothed' });
const heldOut = (metric: string, name = 'held out'): ChartDefinition['lines'][number] => ({
  metric: `eval_${metric}`,
  name,
  style: 'dots',
});
const accuracy = (metric: string, title: string, caption: string): ChartDefinition => ({
  title,
  caption,
  lines: [heldOut(metric)],
  unit: 'share',
  low: 0,
  high: 1,
  lengthBaseline: true,
});

/** What training is about. */
export const TRAINING_CHARTS: readonly ChartDefinition[] = [
  {
    title: 'Loss',
    caption:
      'Lower is better. Pale: each step. Line: smoothed. Dots: pairs that are never trained on; when they rise while training falls, the model learns by heart.',
    lines: [trained('loss'), heldOut('loss')],
  },
  {
    title: "Margin of the method's own reward",
    caption: 'How far the preferred answer is ahead of the other one. Above 0: ahead.',
    lines: [trained('rewards/margins'), heldOut('rewards/margins')],
  },
  accuracy(
    'accuracies/per_token',
    'Accuracy without any reference',
    'Held-out pairs where the model finds the preferred answer more likely per token.',
  ),
  accuracy(
    'accuracies/refm1',
    'Accuracy against the starting point',
    'Held-out pairs where training raised the preferred answer more than the other one. It starts at 0: nothing has moved yet.',
  ),
  accuracy(
    'rewards/accuracies',
    "Accuracy by the method's own reward",
    'With several references this does not start at 0: the first dot is what the references alone decide.',
  ),
  {
    title: 'Log-probability of the answers',
    caption: 'Held-out pairs, sum over tokens. When both fall far, the model drifts away from fluent text.',
    lines: [heldOut('logps/chosen', 'preferred'), heldOut('logps/rejected', 'other')],
  },
];

/** What the machine does. */
export const MACHINE_CHARTS: readonly ChartDefinition[] = [
  {
    title: 'Learning rate',
    caption: 'Of each step, after warm-up and schedule.',
    lines: [{ metric: 'learning_rate', name: 'training', style: 'plain' }],
  },
  {
    title: 'Tokens a second',
    caption: 'Prompt and response tokens of training steps; evaluations and checkpoints are not counted.',
    lines: [trained('tokens_per_second')],
    low: 0,
  },
  {
    title: 'Memory of the backend',
    caption: 'The largest that was in use up to each step: of the GPU where there is one, else of the process.',
    lines: [{ metric: 'peak_memory_bytes', name: 'training', style: 'plain' }],
    unit: 'bytes',
    low: 0,
  },
];
