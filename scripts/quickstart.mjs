#!/usr/bin/env node
/** `npm run quickstart`: installs what is missing, then runs examples/quickstart/quickstart.ts. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureNpmPackages, ensurePython } from './install/ensure.mjs';
import { packageRoot } from './install/paths.mjs';
import { explain } from './install/problem.mjs';

try {
  await ensureNpmPackages();
  await ensurePython();
  const { register } = await import('tsx/esm/api');
  register({ tsconfig: join(packageRoot, 'tsconfig.json') });
  const { main } = await import(pathToFileURL(join(packageRoot, 'examples', 'quickstart', 'quickstart.ts')).href);
  await main(process.argv.slice(2));
} catch (thrown) {
  process.exitCode = explain(thrown);
}
