/**
 * The embedded backend: a Python process of our own, started through pythonia, that serves gRPC on a socket in a
 * private folder. pythonia carries the start and the stop; everything else goes over gRPC.
 */
import { randomBytes } from 'node:crypto';
import { throwIfAborted } from '../core/abort.js';
import type { Backend } from './backend.js';
import { followLog } from './embedded/log-file.js';
import { makePrivateFolder } from './embedded/private-folder.js';
import { startPython, type PythonBridge } from './embedded/python-bridge.js';
import type { BackendFault } from './fault.js';
import { connectBackend } from './grpc/client.js';
import { resolvePython } from './python.js';

/** Which Python serves, and with how many threads. */
export interface LaunchOptions {
  /** Default: `MRPO_PYTHON`, else the project's own environment. */
  readonly python?: string | undefined;
  /** CPU threads of torch. Default: as many as torch chooses. */
  readonly threads?: number | undefined;
  /** auto, cpu, cuda or cuda:1. Default: auto, the first GPU, or the CPU where the machine has none. */
  readonly device?: string | undefined;
  /** Called with each line that Python writes on stdout or stderr. */
  readonly onLog?: ((line: string) => void) | undefined;
  /** Python is ended when it has given no sign of life for so long. Default 60000 ms. */
  readonly silenceMs?: number | undefined;
  /** The same while it is suspended (SIGSTOP, a debugger). Default 1800000 ms. */
  readonly asleepMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Importing torch from a cold disk on a slow machine. */
const START_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 10_000;
/** After the server has stopped nothing of worth is left; torch alone can take seconds to leave. */
const END_GRACE_MS = 200;

/**
 * Starts Python and connects to it. `close()` of the result ends the process and removes its folder; so does the end
 * of this process, whatever way. Throws code `environment` without Python, `died` with its last log lines if it fails.
 */
export async function launchBackend(options: LaunchOptions = {}): Promise<Backend> {
  throwIfAborted(options.signal);
  const python = resolvePython(options.python);
  const folder = makePrivateFolder();
  const removeFolder = (): void => folder.remove();
  process.once('exit', removeFolder);
  const unfollow = options.onLog === undefined ? undefined : followLog(folder.log, options.onLog);
  const threads = options.threads === undefined ? {} : { OMP_NUM_THREADS: String(options.threads) };
  const bridge = startPython({ python, module: 'py_backend.embedded', logPath: folder.log, env: threads });
  const end = async (): Promise<void> => {
    await bridge.stop(END_GRACE_MS);
    unfollow?.();
    process.removeListener('exit', removeFolder);
    removeFolder();
  };
  try {
    const backend = await serve(bridge, `unix:${folder.socket}`, options);
    let closing: Promise<void> | undefined;
    const close = async (): Promise<void> => {
      await backend.close();
      await bridge.call('stop', {}, STOP_TIMEOUT_MS).catch(() => undefined); // whatever it says, it ends now
      await end();
    };
    return { ...backend, close: () => (closing ??= close()) };
  } catch (thrown) {
    await end();
    throw thrown;
  }
}

async function serve(bridge: PythonBridge, address: string, options: LaunchOptions): Promise<Backend> {
  const token = randomBytes(24).toString('base64url');
  const { threads, device, silenceMs, asleepMs, signal } = options;
  await bridge.call('start', { address, token, threads, device }, START_TIMEOUT_MS, signal); // JSON leaves undefined out
  // Whatever holds it up, nothing but its end gives back the device and the memory that it has.
  const onSilence = (seconds: number): BackendFault =>
    bridge.kill(`was ended: it had given no sign of life for ${seconds} s`);
  return connectBackend({ address, token, ended: bridge.ended, silenceMs, asleepMs, onSilence, signal });
}
