/** `mrpo init`: a commented starter configuration. */
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import type { Command } from 'commander';

import { findPreset, presetNames, PRESETS } from '../../config/index.js';
import { nearestName } from '../../config/problem.js';
import { SCHEMA_FILE } from '../../config/schema-file.js';
import { starterConfig } from '../../config/starter.js';
import { MrpoError } from '../../core/errors.js';
import { largest } from '../../core/extremes.js';
import { printJson, type CliIo } from '../command.js';

interface InitOptions {
  readonly preset?: string;
  readonly listPresets?: boolean;
  readonly json?: boolean;
}

/** Adds `mrpo init`; a file that exists is an error. */
export function registerInit(program: Command, io: CliIo): void {
  program
    .command('init')
    .description('write a commented starter configuration; an existing file is never overwritten')
    .argument('[file]', 'file to write, or - for standard output', 'mrpo.yaml')
    .option('--preset <name>', `start from named settings: ${presetNames().join(', ')}`)
    .option('--list-presets', 'name the presets and stop')
    .option('--json', 'print one JSON object')
    .addHelpText('after', '\nExample:\n  $ npx mrpo init my-run.yaml --preset paper-small\n')
    .action((file: string, options: InitOptions) => {
      if (options.listPresets === true) listPresets(io, options.json === true);
      else writeStarter(io, file, options);
    });
}

function listPresets(io: CliIo, json: boolean): void {
  if (json) return printJson(io, { presets: PRESETS.map(({ name, summary }) => ({ name, summary })) });
  const width = largest(presetNames().map((name) => name.length));
  for (const { name, summary } of PRESETS) io.out(`${name.padEnd(width)}  ${summary}\n`);
}

function writeStarter(io: CliIo, file: string, options: InitOptions): void {
  const { preset } = options;
  if (preset !== undefined && findPreset(preset) === undefined) throw unknownPreset(preset);
  if (file === '-') {
    const text = starterConfig(preset, SCHEMA_FILE);
    if (options.json === true) printJson(io, { text, preset: preset ?? null });
    else io.out(text);
    return;
  }
  const path = resolve(io.cwd, file);
  const folder = dirname(path);
  if (!existsSync(folder)) throw new MrpoError('usage', `${file}: the folder ${folder} does not exist`);
  try {
    writeFileSync(path, starterConfig(preset, schemaLocation(folder)), { flag: 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new MrpoError('environment', `${file}: cannot be written: ${(cause as Error).message}`, { cause });
    throw new MrpoError('usage', `${file}: exists already; it was left as it is`, {
      cause,
      hint: 'Name another file: mrpo init OTHER.yaml',
    });
  }
  if (options.json === true) printJson(io, { file: path, preset: preset ?? null });
  else
    io.out(
      `wrote ${file}\nNext: set policy.model, references and data.train in it, then run: npx mrpo train ${file}\n`,
    );
}

/** Relative where file and package lie in one tree and can be moved together; else absolute. */
function schemaLocation(folder: string): string {
  const packageRoot = dirname(dirname(SCHEMA_FILE));
  const together = isInside(folder, packageRoot) || isInside(packageRoot, folder);
  const path = together ? relative(folder, SCHEMA_FILE) : SCHEMA_FILE;
  return path.startsWith('.') || path.startsWith('/') ? path : `./${path}`;
}

function isInside(path: string, folder: string): boolean {
  const step = relative(folder, path);
  return !step.startsWith('..') && !isAbsolute(step);
}

function unknownPreset(name: string): MrpoError {
  const near = nearestName(name, presetNames());
  return new MrpoError('usage', `--preset: expected ${presetNames().join(' | ')}, got "${name}"`, {
    hint: near === undefined ? undefined : `Did you mean "${near}"?`,
  });
}
