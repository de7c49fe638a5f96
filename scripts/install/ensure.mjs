#!/usr/bin/env node
/**
 * Makes sure that what a command needs is installed; does nothing, quickly, when it is.
 *
 *   node scripts/install/ensure.mjs [npm] [python] [dev]     npm packages; Python packages; those for tests too
 *
 * Plain JavaScript without dependencies: this runs before npm packages are there. It writes into the checkout (or, for
 * an installed package, into the user's cache folder) and nowhere else.
 */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';
import { installNpmPackages, npmPackagesInPlace } from './npm-packages.mjs';
import { environmentFolder, packageRoot, pythonIn, scratchFolder } from './paths.mjs';
import { explain, InstallProblem } from './problem.mjs';
import { probePython } from './find-python.mjs';
import { environmentInPlace, installEnvironment } from './python-env.mjs';

const OLDEST_NODE = 20;
const RUNTIME_REQUIREMENTS = ['requirements.txt'];
const TEST_REQUIREMENTS = ['requirements.txt', 'py_backend/requirements-dev.txt'];

const note = (text) => process.stderr.write(`${text}\n`);

/** The npm packages of a checkout. */
export async function ensureNpmPackages(root = packageRoot) {
  requireNode();
  if (npmPackagesInPlace(root)) return;
  await withLock(
    lockFile(root),
    async (lock) => {
      if (!npmPackagesInPlace(root)) await installNpmPackages(root, lock);
    },
    note,
  );
}

/**
 * The Python environment, with the packages for tests when `dev`. Gives the interpreter, and sets MRPO_PYTHON to it
 * for everything this process starts.
 *
 * A user's own MRPO_PYTHON is taken as it is: nothing is installed into it.
 */
export async function ensurePython({ dev = false, root = packageRoot } = {}) {
  const own = process.env.MRPO_PYTHON;
  if (own) return requireOwnPython(own);
  const environment = environmentFolder(root);
  const files = dev ? TEST_REQUIREMENTS : RUNTIME_REQUIREMENTS;
  if (!environmentInPlace(root, environment, files)) {
    await withLock(
      lockFile(root),
      async (lock) => {
        if (!environmentInPlace(root, environment, files))
          await installEnvironment(root, environment, files, lock, note);
      },
      note,
    );
  }
  process.env.MRPO_PYTHON = pythonIn(environment);
  return process.env.MRPO_PYTHON;
}

function lockFile(root) {
  return join(scratchFolder(root), 'install.lock');
}

function requireNode() {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= OLDEST_NODE) return;
  throw new InstallProblem(
    `Node.js is too old: this is ${process.versions.node}, ${OLDEST_NODE} or newer is needed`,
    'Get it from https://nodejs.org.',
  );
}

function requireOwnPython(command) {
  const probed = probePython(command);
  if (probed === undefined) {
    throw new InstallProblem(
      `MRPO_PYTHON is ${command}, which cannot be started`,
      'Set it to a Python 3.10 or newer, or unset it.',
    );
  }
  if (probed.version[0] === 3 && probed.version[1] < 10) {
    throw new InstallProblem(
      `MRPO_PYTHON is ${command}, which is Python ${probed.version.join('.')}; 3.10 or newer is needed`,
      'Set it to a newer one, or unset it: mrpo then makes its own environment.',
    );
  }
  return command;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const asked = process.argv.slice(2);
  try {
    if (asked.length === 0 || asked.includes('npm')) await ensureNpmPackages();
    if (asked.length === 0 || asked.includes('python') || asked.includes('dev'))
      await ensurePython({ dev: asked.includes('dev') });
  } catch (thrown) {
    process.exitCode = explain(thrown);
  }
}
