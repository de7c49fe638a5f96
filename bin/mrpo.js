#!/usr/bin/env node
/**
 * The `mrpo` command. In a checkout it first installs what is missing and then runs the TypeScript sources; in a
 * published package it runs what was built from them. Plain JavaScript: it starts before any package is installed.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureNpmPackages, ensurePython } from '../scripts/install/ensure.mjs';
import { environmentFolder, isCheckout, packageRoot, pythonIn } from '../scripts/install/paths.mjs';
import { explain } from '../scripts/install/problem.mjs';

/** Commands that start the embedded backend, and so need the Python packages. */
const NEED_PYTHON = [
  'train',
  'resume',
  'score',
  'evaluate',
  'generate',
  'export',
  'matrix',
  'reproduce',
  'backend',
  'serve',
];

const argv = process.argv.slice(2);

/** A run that a service is to run, or has run: see src/cli/service-run. */
function isOfService(command) {
  if (command === 'resume') return argv.some((argument) => existsSync(join(argument, 'service.json')));
  if (command !== 'train' || argv.includes('--no-service')) return false;
  return process.env.MRPO_TRAIN_SERVICE || argv.some((argument) => /^--service(=|$)/.test(argument));
}

/** A backend elsewhere, a question for help or a plan of models elsewhere needs no Python here. */
function needsPython() {
  const command = argv.find((argument) => !argument.startsWith('-'));
  const elsewhere =
    process.env.MRPO_BACKEND || argv.some((argument) => /^--backend(=|$)/.test(argument)) || isOfService(command);
  const help = argv.some((argument) => argument === '--help' || argument === '-h');
  const planned = argv.includes('--plan') && argv.some((argument) => /^(--scale=)?(small|paper)$/.test(argument));
  return NEED_PYTHON.includes(command) && !elsewhere && !help && !planned;
}

try {
  let entry = join(packageRoot, 'dist', 'cli', 'main.js');
  if (isCheckout()) {
    await ensureNpmPackages();
    const { register } = await import('tsx/esm/api');
    register({ tsconfig: join(packageRoot, 'tsconfig.json') });
    entry = join(packageRoot, 'src', 'cli', 'main.ts');
  }
  const { loadDotenv, main } = await import(pathToFileURL(entry).href);
  loadDotenv();
  if (needsPython()) await ensurePython();
  else if (!process.env.MRPO_PYTHON && existsSync(pythonIn(environmentFolder()))) {
    process.env.MRPO_PYTHON = pythonIn(environmentFolder());
  }
  await main(argv);
} catch (thrown) {
  process.exitCode = explain(thrown);
}
