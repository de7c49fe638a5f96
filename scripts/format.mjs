#!/usr/bin/env node
/** `npm run format`: writes every file the way `npm test` wants it (prettier; ruff format for Python). */
import { execFileSync } from 'node:child_process';
import { ensureNpmPackages, ensurePython } from './install/ensure.mjs';
import { packageRoot } from './install/paths.mjs';
import { explain } from './install/problem.mjs';

try {
  await ensureNpmPackages();
  const python = await ensurePython({ dev: true });
  const run = (program, ...args) => execFileSync(program, args, { cwd: packageRoot, stdio: 'inherit' });
  run(process.execPath, 'node_modules/prettier/bin/prettier.cjs', '--write', '--log-level', 'warn', '.');
  run(python, '-m', 'ruff', 'format', '--no-cache', '.');
} catch (thrown) {
  process.exitCode = explain(thrown);
}
