/** The Python that runs the backend, and its packages against requirements.txt. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT_ROOT, pythonPath, resolvePython } from '../../backend/python.js';
import { MrpoError } from '../../core/errors.js';
import { fail, ok, warn, type CheckResult } from './finding.js';

const OLDEST_PYTHON = [3, 10] as const;
const INSTALL = 'Run "npm run quickstart" once: it makes a private environment. Or set MRPO_PYTHON.';

/** Versions by package name; null where a package is missing. Asks for metadata only: nothing is imported. */
const PROBE = `
import sys
sys.path.pop(0)  # the working folder: what lies there is not run
import importlib.metadata as m, json
def version(name):
    try: return m.version(name)
    except m.PackageNotFoundError: return None
print(json.dumps({"python": list(sys.version_info[:3]), "packages": {n: version(n) for n in sys.argv[1:]}}))
`;

interface Probed {
  readonly python: readonly [number, number, number];
  readonly packages: Readonly<Record<string, string | null>>;
}

/** Looks for the Python of the backend and for its packages. @param asked `MRPO_PYTHON`. */
export function checkPython(asked: string | undefined): CheckResult[] {
  let path: string;
  try {
    path = resolvePython(asked);
  } catch (thrown) {
    if (thrown instanceof MrpoError) return [fail('Python', thrown.message, thrown.hint ?? INSTALL)];
    throw thrown;
  }
  const pins = pinnedPackages(readFileSync(join(PROJECT_ROOT, 'requirements.txt'), 'utf8'));
  const { status, stdout, stderr } = spawnSync(path, ['-c', PROBE, ...pins.keys()], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, PYTHONPATH: pythonPath() },
  });
  if (status !== 0) return [fail('Python', `${path} does not run: ${lastLine(stderr)}`, INSTALL)];
  const { python, packages } = JSON.parse(stdout) as Probed;
  const version = python.join('.');
  if (python[0] < OLDEST_PYTHON[0] || (python[0] === OLDEST_PYTHON[0] && python[1] < OLDEST_PYTHON[1])) {
    return [
      fail('Python', `${version} at ${path}, needed is ${OLDEST_PYTHON.join('.')} or newer`, 'Install a newer Python.'),
    ];
  }
  return [ok('Python', `${version} at ${path}`), checkPackages(pins, packages)];
}

/**
 * Names and pinned releases of a requirements file. A name that is pinned twice depends on the Python release, and any of
 * its pins will do.
 */
export function pinnedPackages(requirements: string): ReadonlyMap<string, readonly string[]> {
  const pins = new Map<string, string[]>();
  for (const line of requirements.split('\n')) {
    const [, name, release] = /^([\w.-]+)==([\w.+]+)/.exec(line.trim()) ?? [];
    if (name === undefined || release === undefined) continue;
    pins.set(name, [...(pins.get(name) ?? []), release]);
  }
  return pins;
}

/** Fails for a missing package, warns for a release that is not among the pinned ones. */
export function checkPackages(pins: ReadonlyMap<string, readonly string[]>, found: Probed['packages']): CheckResult {
  const missing: string[] = [];
  const others: string[] = [];
  for (const [name, releases] of pins) {
    const version = found[name];
    if (version === undefined || version === null) missing.push(name);
    // A local part names the build: 2.13.0+cpu is 2.13.0 without CUDA.
    else if (!releases.includes(version.split('+')[0] ?? version))
      others.push(`${name} ${version} (tested: ${releases.join(' or ')})`);
  }
  if (missing.length > 0) return fail('Python packages', `missing: ${missing.join(', ')}`, INSTALL);
  if (others.length > 0)
    return warn('Python packages', others.join(', '), 'Install the tested releases: pip install -r requirements.txt');
  return ok('Python packages', `all ${pins.size} at their tested releases`);
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
