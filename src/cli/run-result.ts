/** What a command says of a run that has ended. */
import type { StoredRun } from '../sdk/index.js';
import { baselineText, metricTable } from './metric-text.js';

/** The result as programs read it: the record, and where things are. */
export function resultJson({ folder, record }: StoredRun): Readonly<Record<string, unknown>> {
  return { ...record, folder: folder.path, report: folder.file('report') };
}

/** The result as people read it: held-out metrics before and after, and where things are. */
export function resultText({ folder, record, config }: StoredRun): string {
  const { data, evaluation, training } = record;
  const table =
    evaluation === undefined || Object.keys(evaluation.before).length === 0
      ? []
      : [
          metricTable([
            { title: 'step 0', measures: evaluation.before },
            // A run that was stopped early has no other evaluation.
            ...(evaluation.afterStep > 0
              ? [{ title: `step ${evaluation.afterStep}`, measures: evaluation.after }]
              : []),
          ]),
          ...(data === undefined ? [] : [baselineText(data.longerIsChosen)]),
          '',
        ];
  const result =
    training === undefined
      ? []
      : [
          `${config.policy.lora === 'off' ? 'model:  ' : 'adapter:'} ${folder.file(config.policy.lora === 'off' ? 'model' : 'adapter')}`,
        ];
  return `${['', ...table, ...result, `report:  ${folder.file('report')}`].join('\n')}\n`;
}
