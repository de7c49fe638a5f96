/**
 * Which build of PyTorch to ask pip for. On Linux the package index's own build brings gigabytes of CUDA; without an
 * NVIDIA GPU the "+cpu" build does the same work. On other systems the index's own build is already the small one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const CPU_INDEX = 'https://download.pytorch.org/whl/cpu';
const PROBE_TIMEOUT_S = 4;

/** Whether an NVIDIA GPU can be seen: device nodes, or nvidia-smi (on WSL there are no such nodes). */
export function hasNvidiaGpu(env = process.env) {
  if (existsSync('/dev/nvidia0') || existsSync('/dev/nvidiactl')) return true;
  const { status, stdout } = spawnSync('nvidia-smi', ['-L'], { encoding: 'utf8', env, timeout: 10_000 });
  return status === 0 && /GPU \d+/.test(stdout);
}

/** `MRPO_TORCH` (cpu or default) decides; else the machine does. */
export function wantsCpuBuild(env = process.env) {
  if (env.MRPO_TORCH === 'cpu') return true;
  if (env.MRPO_TORCH === 'default') return false;
  return process.platform === 'linux' && !hasNvidiaGpu(env);
}

/** The release that a requirements file pins: "2.13.0" of a line "torch==2.13.0". */
export function pinnedTorch(requirements) {
  return /^torch==([\w.]+)/m.exec(requirements)?.[1];
}

/**
 * Ways to ask for the CPU build, best first, as further arguments of pip: PyTorch's own index of CPU builds where it
 * answers, then whatever the configured index offers.
 *
 * The index is tried from Python, not from Node: Python honours the same proxy settings as pip.
 */
export function cpuBuildArguments(release, python, env = process.env) {
  const wanted = `torch==${release}+cpu`;
  const index = env.MRPO_TORCH_INDEX ?? CPU_INDEX;
  const probe = `import urllib.request as r; r.urlopen(${JSON.stringify(`${index}/torch/`)}, timeout=${PROBE_TIMEOUT_S})`;
  const answers =
    index !== '' &&
    spawnSync(python, ['-c', probe], { env, stdio: 'ignore', timeout: (PROBE_TIMEOUT_S + 4) * 1000 }).status === 0;
  return [...(answers ? [[wanted, '--extra-index-url', index]] : []), [wanted]];
}
