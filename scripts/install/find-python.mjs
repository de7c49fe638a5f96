/** A Python new enough, with what it takes to make an environment. */
import { spawnSync } from 'node:child_process';
import { InstallProblem } from './problem.mjs';

const OLDEST = [3, 10];
const NEWEST_TESTED = [3, 13];

/** What the user calls python3 first, then the versions this project is tested with, newest first. */
const CANDIDATES = ['python3', 'python3.13', 'python3.12', 'python3.11', 'python3.10', 'python'];

const PROBE = [
  'import sys, json',
  'def has(name):',
  '    try:',
  '        __import__(name)',
  '        return True',
  '    except Exception:',
  '        return False',
  'print(json.dumps([list(sys.version_info[:3]), sys.executable, has("venv"), has("ensurepip")]))',
].join('\n');

/**
 * What an interpreter says of itself; undefined when it cannot be started or says nothing sensible.
 * @returns {{ version: number[], path: string, venv: boolean, ensurepip: boolean } | undefined}
 */
export function probePython(command, env = process.env) {
  const { status, stdout } = spawnSync(command, ['-I', '-c', PROBE], { encoding: 'utf8', env, timeout: 30_000 });
  if (status !== 0) return undefined;
  try {
    const [version, path, venv, ensurepip] = JSON.parse(stdout.trim().split('\n').at(-1));
    return { version, path, venv, ensurepip };
  } catch {
    return undefined;
  }
}

/** The interpreter that an environment is made with. Throws an {@link InstallProblem} that says what is missing. */
export function findPython(env = process.env) {
  const found = [];
  for (const command of CANDIDATES) {
    const probed = probePython(command, env);
    if (probed !== undefined) found.push({ command, ...probed });
  }
  if (found.length === 0) {
    throw new InstallProblem('Python was not found on PATH; Python 3.10 or newer is needed', howToInstall());
  }
  const recent = found.filter(({ version }) => compare(version, OLDEST) >= 0);
  if (recent.length === 0) {
    const list = found.map(({ command, version }) => `${command} is ${version.join('.')}`).join(', ');
    throw new InstallProblem(`Python is too old: ${list}; Python 3.10 or newer is needed`, howToInstall());
  }
  const complete = recent.filter(({ venv, ensurepip }) => venv && ensurepip);
  if (complete.length === 0) {
    const [{ path, version }] = recent;
    throw new InstallProblem(
      `${path} (Python ${version.join('.')}) lacks the venv module, which makes the private environment`,
      `On Debian and Ubuntu: sudo apt install python${version[0]}.${version[1]}-venv. Then run the same command again.`,
    );
  }
  return complete.find(({ version }) => compare(version, NEWEST_TESTED) <= 0) ?? complete[0];
}

function howToInstall() {
  const how = {
    darwin: 'Install it from https://www.python.org/downloads/ or with "brew install python@3.12"',
    win32: 'Install it from https://www.python.org/downloads/ with "Add to PATH" ticked',
  };
  const linux = 'Install it with your package manager, e.g. "sudo apt install python3 python3-venv"';
  return `${how[process.platform] ?? linux}, then run the same command again; or set MRPO_PYTHON to an environment that has the packages.`;
}

/** By major and minor number. */
function compare([major, minor], [otherMajor, otherMinor]) {
  return major - otherMajor || minor - otherMinor;
}
