/**
 * Which build of PyTorch to ask pip for. On Linux the package index's own build brings gigabytes of CUDA; without an
 * NVIDIA GPU the "+cpu" build does the same work. The index's own build is made for CUDA 13, which needs a driver of 580
 * or newer; for an older one there is a build for CUDA 12.6. On other systems the index's own build is already small.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const INDEX = 'https://download.pytorch.org/whl/';
const PROBE_TIMEOUT_S = 4;
/** Oldest driver for CUDA 13. */
const CUDA_13_DRIVER = 580;
const OLD_DRIVER_BUILD = 'cu126';

/**
 * Whether an NVIDIA GPU can be used: device nodes, or nvidia-smi (on WSL there are no such nodes), unless
 * CUDA_VISIBLE_DEVICES hides them all.
 */
export function hasNvidiaGpu(env = process.env) {
  if (['', '-1'].includes(env.CUDA_VISIBLE_DEVICES?.trim() ?? '0')) return false;
  if (existsSync('/dev/nvidia0') || existsSync('/dev/nvidiactl')) return true;
  return /GPU \d+/.test(nvidiaSmi(['-L'], env));
}

/** Major version of the driver, e.g. 570; undefined where nvidia-smi does not tell it. */
export function driverVersion(env = process.env) {
  const found = /^(\d+)\./m.exec(nvidiaSmi(['--query-gpu=driver_version', '--format=csv,noheader'], env));
  return found === null ? undefined : Number(found[1]);
}

function nvidiaSmi(args, env) {
  const { status, stdout } = spawnSync('nvidia-smi', args, { encoding: 'utf8', env, timeout: 10_000 });
  return status === 0 ? stdout : '';
}

/** "cpu", "cu126" or "default". `MRPO_TORCH` with one of these decides; else the machine does. */
export function wantedBuild(env = process.env) {
  if (['cpu', OLD_DRIVER_BUILD, 'default'].includes(env.MRPO_TORCH)) return env.MRPO_TORCH;
  if (process.platform !== 'linux') return 'default';
  if (!hasNvidiaGpu(env)) return 'cpu';
  return (driverVersion(env) ?? CUDA_13_DRIVER) < CUDA_13_DRIVER ? OLD_DRIVER_BUILD : 'default';
}

/** The release that a requirements file pins: "2.13.0" of a line "torch==2.13.0". */
export function pinnedTorch(requirements) {
  return /^torch==([\w.]+)/m.exec(requirements)?.[1];
}

/**
 * Ways to ask for a build that is not the index's own, best first, as further arguments of pip: PyTorch's own index of
 * such builds where it answers, then whatever the configured index offers.
 *
 * The index is tried from Python, not from Node: Python honours the same proxy settings as pip.
 */
export function buildArguments(build, release, python, env = process.env) {
  const wanted = `torch==${release}+${build}`;
  const index = env.MRPO_TORCH_INDEX ?? `${INDEX}${build}`;
  const probe = `import urllib.request as r; r.urlopen(${JSON.stringify(`${index}/torch/`)}, timeout=${PROBE_TIMEOUT_S})`;
  const answers =
    index !== '' &&
    spawnSync(python, ['-c', probe], { env, stdio: 'ignore', timeout: (PROBE_TIMEOUT_S + 4) * 1000 }).status === 0;
  return [...(answers ? [[wanted, '--extra-index-url', index]] : []), [wanted]];
}
