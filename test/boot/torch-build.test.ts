/** Which PyTorch the installer asks for: by the GPU and the driver that nvidia-smi tells of. */
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const { hasNvidiaGpu, wantedBuild } = (await import(
  new URL('../../scripts/install/torch-build.mjs', import.meta.url).href
)) as {
  hasNvidiaGpu: (env: NodeJS.ProcessEnv) => boolean;
  wantedBuild: (env: NodeJS.ProcessEnv) => string;
};

/** A PATH on which nvidia-smi knows one GPU and this driver. */
function machineWith(driver: string): NodeJS.ProcessEnv {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-smi-'));
  const script = `#!/bin/sh\ncase "$1" in -L) echo "GPU 0: NVIDIA A100" ;; *) echo "${driver}" ;; esac\n`;
  writeFileSync(join(folder, 'nvidia-smi'), script);
  chmodSync(join(folder, 'nvidia-smi'), 0o755);
  return { PATH: `${folder}:/bin:/usr/bin` };
}

describe.runIf(process.platform === 'linux')('the build of PyTorch', () => {
  it.each([
    ['595.71.05', 'default'],
    ['580.65.06', 'default'],
    ['570.133.20', 'cu126'],
    ['unknown', 'default'],
  ])('with driver %s is %s', (driver, build) => {
    expect(wantedBuild(machineWith(driver))).toBe(build);
  });

  it.each(['', '-1'])('is the one without CUDA where CUDA_VISIBLE_DEVICES=%j hides the GPU', (hidden) => {
    const env = { ...machineWith('595.71.05'), CUDA_VISIBLE_DEVICES: hidden };
    expect(hasNvidiaGpu(env)).toBe(false);
    expect(wantedBuild(env)).toBe('cpu');
  });

  it('is the one that MRPO_TORCH names', () => {
    expect(wantedBuild({ ...machineWith('595.71.05'), MRPO_TORCH: 'cpu' })).toBe('cpu');
  });
});
