/** The npm packages of a checkout, exactly as package-lock.json has them. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { diagnose } from './diagnose.mjs';
import { InstallProblem } from './problem.mjs';
import { startProgress } from './progress.mjs';
import { runTool } from './run-tool.mjs';

const NEEDED_BYTES = 600 * 2 ** 20;

/**
 * True when node_modules holds what the lock file says. npm writes node_modules/.package-lock.json as its last act, so
 * an interrupted installation has none; packages for other platforms are allowed to be absent.
 */
export function npmPackagesInPlace(root) {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  if (wanted === undefined)
    throw new InstallProblem(`${root} has no readable package-lock.json`, 'Restore it: git checkout package-lock.json');
  const present = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (present === undefined) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const installed = present[path];
    if (installed === undefined) return entry.optional === true;
    return (
      installed.version === entry.version &&
      (installed.optional === true || existsSync(join(root, path, 'package.json')))
    );
  });
}

function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

/** Installs them from the lock file; install scripts of packages are not run, none of these needs one. */
export async function installNpmPackages(root, lock) {
  const { bavail, bsize } = statfsSync(root);
  if (bavail * bsize < NEEDED_BYTES) throw diagnose('npm packages', join(root, 'node_modules'), 'ENOSPC');
  const progress = startProgress('npm packages');
  try {
    const [command, ...first] = npmCommand();
    const { code, output } = await runTool(
      command,
      [...first, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=http'],
      {
        cwd: root,
        onStart: lock.running,
        onLine: (line) => {
          const fetched = /^npm http fetch \S+ \d+ (\S+)/.exec(line);
          if (fetched) progress.detail(fetched[1].replace(/^https?:\/\/[^/]+\//, ''));
        },
      },
    );
    if (code !== 0) throw diagnose('npm packages', join(root, 'node_modules'), output);
    progress.done();
  } catch (error) {
    progress.fail();
    if (error.code !== 'ENOENT') throw error;
    throw new InstallProblem(
      'npm was not found',
      'It comes with Node.js (https://nodejs.org); make sure it is on PATH.',
    );
  }
}

/** npm as its own script when npm started us (the same version), else npm beside node, else from PATH. */
function npmCommand() {
  const fromNpm = process.env.npm_execpath;
  if (fromNpm && /npm-cli\.c?js$/.test(fromNpm) && existsSync(fromNpm)) return [process.execPath, fromNpm];
  const name = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const beside = join(dirname(process.execPath), name);
  return [existsSync(beside) ? beside : name];
}
