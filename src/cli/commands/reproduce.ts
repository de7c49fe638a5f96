/** `mrpo reproduce`: the paper's tables and figures at three scales. */
import { Option, type Command } from 'commander';
import { join, resolve } from 'node:path';
import { MrpoError } from '../../core/errors.js';
import {
  checkMatrix,
  miniature,
  openMiniatureWorld,
  paper,
  PAPER,
  SCALE_NAMES,
  small,
  VIEWS,
  type Matrix,
  type Scale,
  type ScaleName,
} from '../../experiments/index.js';
import { cacheFolder } from '../../references/index.js';
import { type CliIo } from '../command.js';
import { conduct, experimentOptions, type ExperimentOptions } from '../experiment.js';

interface ReproduceOptions extends ExperimentOptions {
  readonly scale: ScaleName;
  readonly baselines?: boolean;
}

const NAMES = ['all', ...Object.keys(PAPER), ...Object.keys(VIEWS)];

/** Adds `mrpo reproduce`; cells that are finished are not run again. */
export function registerReproduce(program: Command, io: CliIo): void {
  const command = program
    .command('reproduce')
    .description('the paper\'s tables and figures, with statistics that can say "not shown"')
    .argument('[what...]', `one or more of ${NAMES.join(', ')}`, ['all'])
    .addOption(new Option('--scale <name>', 'size of models and data').choices(SCALE_NAMES).default('miniature'))
    .option('--baselines', 'with the baselines that the paper lacks (in "all" anyway)');
  experimentOptions(command, 'reproduction')
    .addHelpText(
      'after',
      `
A finished run is never repeated: the same command again runs nothing, and a command that was cut goes on. A run that
fails is listed as failed and stops nothing else. Tables, figures and the page are written from whatever is finished.

Examples:
  $ npx mrpo reproduce all --scale miniature
  $ npx mrpo reproduce table1 --scale small --only 's3/L<-M/*' --seeds 3
  $ npx mrpo reproduce all --scale paper --plan
`,
    )
    .action(async (what: readonly string[], options: ReproduceOptions) => {
      const names = matricesNamed(what, options.baselines === true);
      const scale = await openScale(options.scale, io);
      const matrices: Matrix[] = names.map((name) => checkMatrix(PAPER[name]?.(scale), name));
      await conduct(matrices, io, options, {
        out: resolve(io.cwd, options.out ?? join('runs', `reproduction-${scale.name}`)),
        title: `Multi-Reference Preference Optimization, reproduced at the scale "${scale.name}"`,
        claim: scale.claim,
        comparesValues: scale.comparesValues,
        device: scale.device,
        oneThread: scale.oneThread,
      });
    });
}

/** Keys of PAPER in the paper's order. */
function matricesNamed(what: readonly string[], baselines: boolean): readonly string[] {
  const unknown = what.filter((name) => !NAMES.includes(name));
  if (unknown.length > 0) {
    throw new MrpoError('usage', `reproduce: there is no "${unknown.join('", "')}"; there are ${NAMES.join(', ')}`);
  }
  const asked = new Set(what.map((name) => VIEWS[name] ?? name));
  return Object.keys(PAPER).filter(
    (name) => asked.has('all') || asked.has(name) || (baselines && name === 'baselines'),
  );
}

async function openScale(name: ScaleName, io: CliIo): Promise<Scale> {
  if (name === 'paper') return paper;
  if (name === 'small') return small;
  const world = await openMiniatureWorld(join(cacheFolder(io.env), 'miniature'), {
    signal: io.signal,
    note: (line) => io.note(`${line}\n`),
  });
  return miniature(world);
}
