/** Starts the backend, or calls the one that MRPO_BACKEND names, and says what device it works on. */
import type { HeldModel } from '../../backend/backend.js';
import { openBackend } from '../../backend/open.js';
import { bytesText } from '../../core/quantities.js';
import { toMrpoError } from '../../core/errors.js';
import type { CliIo } from '../command.js';
import { fail, ok, type CheckResult } from './finding.js';

/** Findings on the backend and its device; one failure if it cannot be reached or started. */
export async function checkBackend(io: CliIo): Promise<CheckResult[]> {
  const address = io.env['MRPO_BACKEND'];
  const check = address === undefined || address === '' ? 'backend' : `backend at ${address}`;
  try {
    const backend = await openBackend({ env: io.env, python: io.env['MRPO_PYTHON'], signal: io.signal });
    try {
      const info = await backend.info({ signal: io.signal });
      const memory = `${bytesText(info.deviceMemoryBytes)}, ${bytesText(info.deviceMemoryFreeBytes)} free`;
      return [
        ok(
          check,
          `answers, version ${info.serverVersion}, protocol ${info.protocolVersion}; can ${info.capabilities.join(', ')}`,
        ),
        ok(
          'device',
          `${info.device} (${info.deviceName}), ${memory}${info.device === 'cpu' ? `, ${info.threads} threads` : ''}`,
        ),
        ...info.models.map((model) => ok(`model ${model.modelHandle}`, heldText(model))),
      ];
    } finally {
      await backend.close();
    }
  } catch (thrown) {
    const { message, hint } = toMrpoError(thrown);
    return [fail(check, message, hint ?? 'Fix what the lines above say, then try again.')];
  }
}

function heldText({ source, memoryBytes, awaySeconds }: HeldModel): string {
  const whose =
    awaySeconds === undefined
      ? 'of a client without a name'
      : awaySeconds === 0
        ? 'its client is at work'
        : `its client was heard of ${Math.round(awaySeconds)} s ago`;
  return `${source}, ${bytesText(memoryBytes)}; ${whose}`;
}
