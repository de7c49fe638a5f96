/**
 * What a device can do. Accelerators: memory, dense 16-bit and float32 peak from the makers' data sheets, and the share of it that
 * training reaches. Public fine-tuning runs reach 0.42 to 0.58 of peak (A100: QLoRA of a 7B model 0.42-0.48, full
 * fine-tuning 0.58); a plan takes 0.5. The CPU of this machine: lanes times clock, of which large float32 products reach
 * about 0.9 and a whole step 0.6.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, freemem, totalmem } from 'node:os';

/** Speed and memory of one device, as a plan counts with them. */
export interface Device {
  readonly name: string;
  readonly kind: 'cuda' | 'cpu';
  /** Bytes that a run may use. */
  readonly memoryBytes: number;
  /** Operations a second at peak, in the number format of `dtype`. */
  readonly peakFlops: number;
  /** The same in float32 without TF32, which the backend leaves off. */
  readonly peakFloat32Flops: number;
  /** Share of the peak that a training step reaches. */
  readonly efficiency: number;
  /** Bytes a second from device memory. */
  readonly bandwidth: number;
  /** Format a run computes in when its configuration names none. */
  readonly dtype: 'float32' | 'bfloat16' | 'float16';
  /** Where the figures come from. */
  readonly basis: string;
}

const GB = 1e9;
const accelerator = (
  name: string,
  gigabytes: number,
  teraflops: number,
  float32Teraflops: number,
  gigabytesPerSecond: number,
  dtype: Device['dtype'] = 'bfloat16',
): Device => ({
  name,
  kind: 'cuda',
  memoryBytes: gigabytes * GB,
  peakFlops: teraflops * 1e12,
  peakFloat32Flops: float32Teraflops * 1e12,
  efficiency: 0.5,
  bandwidth: gigabytesPerSecond * GB,
  dtype,
  basis: `data sheet: ${teraflops} TFLOP/s dense 16-bit, of which a step is taken to reach 50 %`,
});

/** By the names of `--device`. */
export const DEVICES: Readonly<Record<string, Device>> = {
  'A100-40': accelerator('A100-40', 40, 312, 19.5, 1555),
  'A100-80': accelerator('A100-80', 80, 312, 19.5, 2039),
  H100: accelerator('H100', 80, 989, 67, 3350),
  H200: accelerator('H200', 141, 989, 67, 4800),
  L4: accelerator('L4', 24, 121, 30.3, 300),
  T4: accelerator('T4', 16, 65, 8.1, 320, 'float16'),
};

/** The NVIDIA GPU that would be used here, if its name is known; else the CPU. */
export function thisMachine(): Device {
  return visibleGpu() ?? cpu();
}

/** The device that a backend works on; undefined for a GPU whose figures are not known. A CPU is taken to be this one. */
export function deviceOfBackend(info: {
  readonly device: string;
  readonly deviceName: string;
  readonly deviceMemoryBytes: number;
}): Device | undefined {
  return info.device.startsWith('cuda') ? knownGpu(info.deviceName, info.deviceMemoryBytes) : cpu();
}

function visibleGpu(): Device | undefined {
  let line: string;
  try {
    const query = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'];
    line =
      execFileSync('nvidia-smi', query, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 5000 }).split(
        '\n',
      )[0] ?? '';
  } catch {
    return undefined; // no NVIDIA driver on this machine
  }
  const [name = '', mebibytes = ''] = line.split(',').map((part) => part.trim());
  return knownGpu(name, Number(mebibytes) * 2 ** 20);
}

/** A GPU by its product name and the memory it really has; undefined when its figures are not in {@link DEVICES}. */
function knownGpu(name: string, memoryBytes: number): Device | undefined {
  const kind = ['H200', 'H100', 'A100', 'L4', 'T4'].find((known) => name.includes(known));
  const known = kind === undefined ? undefined : DEVICES[kind === 'A100' ? 'A100-80' : kind];
  return known && memoryBytes > 0 ? { ...known, name, memoryBytes } : undefined;
}

function cpu(): Device {
  const info = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
  const first = cpus()[0];
  const threads = cpus().length;
  const cores = Math.max(1, Math.round(threads / threadsPerCore(info)));
  const flopsPerCycle = info.includes('avx512f') ? 64 : 32; // two fused multiply-adds on 16 or 8 float32 lanes
  const megahertz = first?.speed !== undefined && first.speed > 0 ? first.speed : 2500;
  const peakFlops = cores * flopsPerCycle * megahertz * 1e6;
  return {
    name: first?.model.trim() ?? 'CPU',
    kind: 'cpu',
    memoryBytes: availableMemory(),
    peakFlops,
    peakFloat32Flops: peakFlops,
    efficiency: 0.6,
    bandwidth: 20 * GB,
    dtype: 'float32',
    basis: `${cores} cores x ${flopsPerCycle} float32 operations a cycle x ${megahertz} MHz, of which a step is taken to reach 60 %`,
  };
}

function threadsPerCore(info: string): number {
  const siblings = Number(/^siblings\s*:\s*(\d+)/m.exec(info)?.[1] ?? 1);
  const cores = Number(/^cpu cores\s*:\s*(\d+)/m.exec(info)?.[1] ?? siblings);
  return Math.max(1, siblings / Math.max(1, cores));
}

/** What the kernel could give without swapping; free memory alone leaves its file cache out. */
function availableMemory(): number {
  const text = existsSync('/proc/meminfo') ? readFileSync('/proc/meminfo', 'utf8') : '';
  const kibibytes = Number(/^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
  return kibibytes > 0 ? kibibytes * 1024 : Math.max(freemem(), totalmem() / 2);
}
