/** `mrpo export`: what a run trained, in a folder of its own. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { exportRun } from '../../sdk/index.js';
import { printJson, type CliIo } from '../command.js';

interface ExportOptions {
  readonly to: string;
  readonly merge?: boolean;
  readonly backend?: string;
  readonly json?: boolean;
}

/** Adds `mrpo export`; only `--merge` needs a backend. */
export function registerExport(program: Command, io: CliIo): void {
  program
    .command('export')
    .description('Copy the adapter of a run into a folder, or write the whole model with the adapter merged in.')
    .argument('<run>', 'folder of a run')
    .requiredOption('--to <folder>', 'where to; must be new or empty')
    .option('--merge', 'write the whole model, unquantised, with the adapter merged in')
    .option('--backend <address>', 'a running backend for --merge; default: MRPO_BACKEND, else one is started')
    .option('--json', 'print one JSON object: {"folder", "files"}')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npx mrpo export runs/my-run --to my-adapter\n  $ npx mrpo export runs/my-run --merge --to my-model\n',
    )
    .action(async (run: string, options: ExportOptions) => {
      const progress = io.progress('exporting');
      const exported = await exportRun({
        run: resolve(io.cwd, run),
        to: resolve(io.cwd, options.to),
        merge: options.merge,
        backendAddress: options.backend,
        env: io.env,
        signal: io.signal,
        onProgress: ({ stage, done, total }) => progress.update(done, total, stage),
      });
      progress.stop();
      if (options.json === true) return printJson(io, exported);
      io.out(`${exported.folder}\n${exported.files.map((file) => `  ${file}`).join('\n')}\n`);
    });
}
