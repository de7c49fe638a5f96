/**
 * The reproducibility checklist (after Pineau et al., JMLR 22, 2021), filled from what the runs themselves have recorded.
 * What cannot be answered says so.
 */
import { bytesText, durationText } from '../../core/quantities.js';
import { dataSourceNames } from '../../config/index.js';
import { largest } from '../../core/extremes.js';
import type { MatrixResults } from '../results.js';

/** A question of the checklist, and its answer in words. */
export interface ChecklistItem {
  readonly question: string;
  readonly answer: string;
}

/** The filled checklist of what has finished; empty while nothing has. */
export function checklist(all: readonly MatrixResults[]): readonly ChecklistItem[] {
  const cells = all.flatMap((results) => results.cells);
  const runs = [...new Map(cells.map((cell) => [cell.key, cell])).values()];
  if (runs.length === 0) return [];
  const configs = runs.map(({ cell }) => cell.config.config);
  const missing = all.reduce((sum, results) => sum + results.missing.length, 0);
  const provenance = runs.map(({ outcome }) => outcome.provenance);
  const backends = provenance.flatMap(({ backend }) => backend ?? []);
  const versions = each(
    backends.flatMap(({ versions: found }) => Object.entries(found).map(([name, version]) => `${name} ${version}`)),
  );
  const marks = each(runs.flatMap((run) => run.marks));
  const seconds = runs.reduce((sum, { outcome }) => sum + outcome.seconds, 0);
  return [
    {
      question: 'Algorithm and loss',
      answer: `${each(configs.map(({ objective }) => objective.loss))}; formulas and their sources in src/math`,
    },
    {
      question: 'Models, with the identity of their content',
      answer: each(
        configs.flatMap(({ policy, references }) => [policy.model, ...references.map(({ model }) => model)]),
      ).replace(/(^|, )policy(, |$)/, '$1'),
    },
    { question: 'Data sets', answer: each(configs.map(({ data }) => dataSourceNames(data.train))) },
    {
      question: 'Training and held-out pairs of a run',
      answer: each(
        provenance.flatMap(({ data }) => (data === undefined ? [] : [`${data.trainingPairs} / ${data.heldOutPairs}`])),
      ),
    },
    {
      question: 'Rows left out, by reason',
      answer:
        each(
          provenance.flatMap(({ data }) =>
            Object.entries(data?.dropped ?? {}).map(([reason, count]) => `${count} ${reason}`),
          ),
        ) || 'none',
    },
    {
      question: 'Pairs that the length limit shortened',
      answer: each(provenance.flatMap(({ data }) => (data === undefined ? [] : [String(data.truncated)]))),
    },
    {
      question: 'Every setting of every run',
      answer: 'config.yaml in its run folder, every default written out; cells/KEY is named by the content',
    },
    {
      question: 'How settings were chosen',
      answer: "the paper's where it prints them, else the released code's; nothing was tuned on the held-out pairs",
    },
    {
      question: 'Learning rate, batch, epochs',
      answer: each(
        configs.map(({ training }) => `${training.learning_rate}, ${training.batch_size}, ${training.epochs}`),
      ),
    },
    {
      question: 'Number of runs, and seeds',
      answer: `${runs.length} different runs${missing === 0 ? '' : `, ${missing} cells without a result`}; seeds ${each(configs.map(({ training }) => String(training.seed)))}`,
    },
    {
      question: 'Measures, and central tendency with spread',
      answer: 'three accuracies before and after training; mean ± sample standard deviation, every seed in the .csv',
    },
    {
      question: 'Statistical tests',
      answer:
        "differences paired by seed and held-out pair, t-based intervals; Holm over each table; Hedges' g with a noncentral-t interval",
    },
    {
      question: 'Hardware',
      answer: each(
        backends.map(({ deviceName, device, threads }) =>
          device === 'cpu' ? `${deviceName}, ${threads} threads a run` : deviceName,
        ),
      ),
    },
    {
      question: 'Time',
      answer: `${durationText(seconds)} of runs in all, ${durationText(seconds / runs.length)} a run`,
    },
    {
      question: 'Peak memory of a run',
      answer: bytesText(
        largest(
          provenance.map(({ peakMemoryBytes }) => peakMemoryBytes),
          0,
        ),
      ),
    },
    { question: 'Software', answer: `mrpo ${each(provenance.map(({ mrpoVersion }) => mrpoVersion))}, ${versions}` },
    { question: 'What is inferred and not known', answer: marks === '' ? 'nothing' : marks },
    { question: 'Command', answer: 'npx mrpo reproduce all; a finished run is not repeated' },
  ];
}

/** The checklist as a file of its own. */
export const checklistMarkdown = (items: readonly ChecklistItem[]): string =>
  ['# Reproducibility checklist', '', ...items.map(({ question, answer }) => `- **${question}**: ${answer}`), ''].join(
    '\n',
  );

/** Different values in the order of their first, as a list. */
const each = (values: readonly string[]): string => [...new Set(values)].join(', ');
