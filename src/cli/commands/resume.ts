/** `mrpo resume`: goes on with a run that was stopped, killed or has failed. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import { resumeRun } from '../../sdk/index.js';
import { readServiceNote } from '../../store/service-note.js';
import { collect, type CliIo } from '../command.js';
import { resumeThroughService } from '../service-run/run.js';
import { runWith, type RunOptions } from './train.js';

/** Adds `mrpo resume`; output and exit code are those of `mrpo train`. */
export function registerResume(program: Command, io: CliIo): void {
  program
    .command('resume')
    .description('Go on with a run from its newest checkpoint, as if nothing had happened.')
    .argument('<run>', 'run folder')
    .option('--set <key=value>', 'change a setting that may change; may be given again', collect, [])
    .option(
      '--backend <address>',
      'a running backend (host:port or unix:/path); default: MRPO_BACKEND, else one is started',
    )
    .option('--json', 'print one JSON object with the result on standard output')
    .option('--quiet', 'no progress')
    .addHelpText(
      'after',
      `
The run must be the same: policy, references, pairs, objective and whatever else decides the result. What may change is
how long it trains (training.epochs, training.max_steps), how often it evaluates, saves and logs, and where it runs.
A run of a service (mrpo train --service) goes on there.

Examples:
  $ npx mrpo resume runs/mine
  $ npx mrpo resume runs/mine --set training.epochs=5
`,
    )
    .action(async (run: string, options: RunOptions) => {
      const folder = resolve(io.cwd, run);
      const note = await readServiceNote(folder);
      if (note !== undefined) {
        if (options.set.length === 0 && options.backend === undefined && options.device === undefined)
          return resumeThroughService(folder, note, options, io);
        throw new MrpoError('usage', `${folder}: run ${note.id} of the service at ${note.address} goes on as it is`, {
          hint: 'Leave out --set, --backend and --device.',
        });
      }
      await runWith(io, options, (start) => resumeRun(folder, { ...start, set: options.set }));
    });
}
