/**
 * The private Python environment: made once from the requirement files, checked by a stamp in no time.
 *
 * The stamp is written last, so an environment without one is unfinished: packages are then installed into it again.
 * While pip works a second file says so; if it is still there at the next start, pip was cut off and may have left
 * half a package, and the environment is made afresh (what was downloaded is in pip's cache).
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { diagnose, offersNoSuchRelease } from './diagnose.mjs';
import { findPython, probePython } from './find-python.mjs';
import { pythonIn } from './paths.mjs';
import { followPip } from './pip-progress.mjs';
import { InstallProblem } from './problem.mjs';
import { startProgress } from './progress.mjs';
import { runTool } from './run-tool.mjs';
import { buildArguments, pinnedTorch, wantedBuild } from './torch-build.mjs';

const NEEDED_BYTES = { cpu: 2.5 * 2 ** 30, cu126: 9 * 2 ** 30, default: 9 * 2 ** 30 };

const stampIn = (environment) => join(environment, 'mrpo-installed.json');
const markIn = (environment) => join(environment, 'mrpo-installing');

/** Requirement files by their text, as the stamp records them. */
function fingerprints(root, files) {
  return Object.fromEntries(
    files.map((file) => [
      file,
      createHash('sha256')
        .update(readFileSync(join(root, file)))
        .digest('hex'),
    ]),
  );
}

function readStamp(environment) {
  try {
    return JSON.parse(readFileSync(stampIn(environment), 'utf8'));
  } catch {
    return undefined;
  }
}

/** True when the environment has what the requirement files say and its interpreter is still there. */
export function environmentInPlace(root, environment, files) {
  const stamp = readStamp(environment);
  if (stamp === undefined || existsSync(markIn(environment)) || !existsSync(pythonIn(environment))) return false;
  return Object.entries(fingerprints(root, files)).every(([file, hash]) => stamp.requirements?.[file] === hash);
}

/** Makes or completes the environment. `lock.running` is told which tool is at work. */
export async function installEnvironment(root, environment, files, lock, note) {
  if (existsSync(environment)) discardIfBroken(environment, note);
  if (!existsSync(environment)) await createEnvironment(environment, lock);
  const python = pythonIn(environment);
  const build = await installPackages(root, environment, files, lock, note);
  await compileImports(root, environment, lock);
  const { version } = probePython(python) ?? {};
  const before = readStamp(environment)?.requirements;
  const stamp = { python: version?.join('.'), torch: build, requirements: { ...before, ...fingerprints(root, files) } };
  // Written beside and renamed: a torn stamp would be read as none, but never as a wrong one.
  writeFileSync(`${stampIn(environment)}.new`, `${JSON.stringify(stamp, null, 2)}\n`);
  renameSync(`${stampIn(environment)}.new`, stampIn(environment));
}

function discardIfBroken(environment, note) {
  const cutOff = existsSync(markIn(environment));
  const python = cutOff ? undefined : probePython(pythonIn(environment));
  const usable = python !== undefined && (python.version[0] > 3 || python.version[1] >= 10) && hasPip(environment);
  if (usable) return;
  note(
    cutOff
      ? `the last installation into ${environment} was cut off; making the environment afresh`
      : `the Python environment ${environment} is incomplete or no longer works; making it afresh`,
  );
  rmSync(environment, { recursive: true, force: true });
}

function hasPip(environment) {
  const folder =
    process.platform === 'win32' ? join(environment, 'Scripts', 'pip.exe') : join(environment, 'bin', 'pip');
  return existsSync(folder);
}

async function createEnvironment(environment, lock) {
  const base = findPython();
  mkdirSync(dirname(environment), { recursive: true });
  const progress = startProgress(`Python environment (Python ${base.version.join('.')})`);
  const { code, output } = await runTool(base.path, ['-I', '-m', 'venv', environment], { onStart: lock.running });
  if (code === 0) return progress.done();
  progress.fail();
  rmSync(environment, { recursive: true, force: true });
  if (/ensurepip/.test(output) && !/No space left/i.test(output)) {
    throw new InstallProblem(
      `${base.path} cannot make an environment: ensurepip is missing or broken`,
      `On Debian and Ubuntu: sudo apt install python${base.version[0]}.${base.version[1]}-venv. Then run the same command again.`,
    );
  }
  throw diagnose('the Python environment', environment, output);
}

/** Installs the requirement files and gives the kind of torch build asked for: "cpu", "cu126" or "default". */
async function installPackages(root, environment, files, lock, note) {
  const python = pythonIn(environment);
  const release = pinnedTorch(readFileSync(join(root, 'requirements.txt'), 'utf8'));
  const build = release === undefined ? 'default' : wantedBuild();
  requireSpace(environment, build);
  const ways = build === 'default' ? [] : buildArguments(build, release, python);
  for (const way of ways) {
    const { code, output } = await pipInstall(root, environment, files, way, lock);
    if (code === 0) return build;
    if (!offersNoSuchRelease(output)) throw diagnose('Python packages', environment, output);
  }
  if (ways.length > 0) {
    note(
      `the package index has no ${build} build of PyTorch ${release} for this Python; taking its default build (large)`,
    );
    requireSpace(environment, 'default');
  }
  const { code, output } = await pipInstall(root, environment, files, [], lock);
  if (code !== 0) throw diagnose('Python packages', environment, output);
  return 'default';
}

/** Checked only before a first installation: completing one takes little. */
function requireSpace(environment, build) {
  if (readStamp(environment) !== undefined) return;
  const { bavail, bsize } = statfsSync(environment);
  const free = bavail * bsize;
  if (free >= NEEDED_BYTES[build]) return;
  const gigabytes = (bytes) => (bytes / 2 ** 30).toFixed(1);
  throw new InstallProblem(
    `the disk is too full for the Python packages: ${gigabytes(free)} GB free at ${environment}, ${gigabytes(NEEDED_BYTES[build])} GB needed`,
    'Free some space, then run the same command again.',
  );
}

async function pipInstall(root, environment, files, more, lock) {
  const mark = markIn(environment);
  const progress = startProgress('Python packages');
  const pip = followPip(environment, progress);
  const requirements = files.flatMap((file) => ['-r', file]);
  let writing = false;
  writeFileSync(mark, '');
  const result = await runTool(
    pythonIn(environment),
    [
      '-m',
      'pip',
      'install',
      '--disable-pip-version-check',
      '--no-input',
      '--progress-bar',
      'off',
      '--no-compile', // see compileImports
      '--retries',
      '2',
      ...more,
      ...requirements,
    ],
    {
      cwd: root,
      env: { ...process.env, PYTHONUNBUFFERED: '1' },
      onStart: lock.running,
      onLine: (line) => {
        if (line.startsWith('Installing collected packages')) writing = true;
        pip.line(line);
      },
    },
  ).finally(pip.stop);
  // An orderly end before anything was written leaves the environment as it was.
  if (result.code === 0 || !writing) rmSync(mark, { force: true });
  if (result.code === 0) progress.done();
  else progress.fail();
  return result;
}

/**
 * Compiles what the backend imports: one module in five. pip would compile all 15,000, which takes it as long as all the
 * rest. It is done now, because whoever starts the backend later may not be allowed to write here. What cannot be
 * imported is told by the backend itself, when it is started.
 */
async function compileImports(root, environment, lock) {
  const progress = startProgress('Python modules');
  const program = 'import py_backend.rpc.server, peft, bitsandbytes';
  const { code, output } = await runTool(pythonIn(environment), ['-c', program], {
    cwd: root,
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '' },
    onStart: lock.running,
  });
  progress.done(code === 0 ? 'compiled' : `not all compiled: ${output.trim().split('\n').at(-1)}`);
}
