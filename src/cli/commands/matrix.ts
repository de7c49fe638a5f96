/** `mrpo matrix`: a matrix of runs of one's own. */
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { readMatrix } from '../../experiments/index.js';
import type { CliIo } from '../command.js';
import { conduct, experimentOptions, type ExperimentOptions } from '../experiment.js';

/** Adds `mrpo matrix`; cells that are finished are not run again. */
export function registerMatrix(program: Command, io: CliIo): void {
  const command = program
    .command('matrix')
    .description('every combination of some settings, run once, compared with honest statistics')
    .argument('<file>', 'matrix file (YAML or JSON)');
  experimentOptions(command, 'matrix')
    .addHelpText(
      'after',
      `
A matrix file:
  title: Does a second reference help?
  base: { policy: { model: ./llama }, data: { train: pairs.jsonl }, training: { epochs: 1 } }
  axes:
    method:
      DPO:  { objective: { loss: dpo },  references: [{ model: policy }] }
      MRPO: { objective: { loss: mrpo }, references: [{ model: policy }, { model: ./mistral }] }
    seed: [0, 1, 2]
  compare: { axis: method, baseline: DPO }
  tables: [{ title: Accuracy, rows: method, measure: rewards/accuracies, percent: true }]

Examples:
  $ npx mrpo matrix my-matrix.yaml
  $ npx mrpo matrix my-matrix.yaml --only 'MRPO/*' --jobs 2
`,
    )
    .action(async (file: string, options: ExperimentOptions) => {
      const { matrix, folder } = await readMatrix(resolve(io.cwd, file));
      await conduct([matrix], io, options, {
        out: resolve(io.cwd, options.out ?? join('runs', basename(file).replace(/\.\w+$/, ''))),
        folder,
        title: matrix.title,
        claim: matrix.note ?? '',
      });
    });
}
