/**
 * Everything that a matrix needs but its models: configurations are checked, the backend is started and asked what it is,
 * every data set is read and split. It ends where the first model would be loaded; what could stop a run of days comes
 * out in minutes.
 */
import type { Backend, ServerInfo } from '../backend/backend.js';
import { dataSourceNames } from '../config/index.js';
import { canonicalJson } from '../core/hash.js';
import { toMrpoError } from '../core/errors.js';
import { loadData } from '../data/index.js';
import { cellsOf, type CellOptions } from './cells.js';
import type { Matrix } from './matrix.js';

/** One thing that was looked at. */
export interface DryRunCheck {
  readonly what: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** Which cells, and how to reach a backend; it is closed at the end. */
export interface DryRunOptions extends CellOptions {
  readonly openBackend: () => Promise<Backend>;
  readonly signal?: AbortSignal | undefined;
  readonly onCheck?: ((check: DryRunCheck) => void) | undefined;
}

/** @returns what was looked at, in order; nothing is thrown for what is not in order. */
export async function dryRun(matrices: readonly Matrix[], options: DryRunOptions): Promise<readonly DryRunCheck[]> {
  const checks: DryRunCheck[] = [];
  const look = async <T>(
    what: string,
    work: () => Promise<T>,
    detail: (found: T) => string,
  ): Promise<T | undefined> => {
    let found: T | undefined;
    let check: DryRunCheck;
    try {
      found = await work();
      check = { what, ok: true, detail: detail(found) };
    } catch (thrown) {
      const { message, hint } = toMrpoError(thrown);
      check = { what, ok: false, detail: hint === undefined ? message : `${message} (${hint})` };
    }
    checks.push(check);
    options.onCheck?.(check);
    return found;
  };
  const cells = await look(
    'configurations',
    async () => matrices.flatMap((matrix) => cellsOf(matrix, options)),
    (found) => `${found.length} cells are valid`,
  );
  const backend = await look('backend', options.openBackend, () => 'started');
  if (cells === undefined || backend === undefined) return checks;
  const { signal } = options;
  try {
    await look('device', () => backend.info({ signal }), deviceText);
    const seen = new Set<string>();
    for (const { config } of cells.map((cell) => cell.config)) {
      const key = canonicalJson(config.data);
      if (seen.has(key)) continue;
      seen.add(key);
      await look(
        `data ${dataSourceNames(config.data.train)}`,
        () =>
          loadData(config.data, {
            seed: config.training.seed,
            signal,
            hub: (dataset, part) => backend.readDataset(dataset, { signal, ...part }),
          }),
        ({ train, eval: held }) => `${train.length} pairs to train on, ${held.length} held out`,
      );
    }
    const models = new Set(
      cells.flatMap(({ config: { config } }) => [config.policy.model, ...config.references.map(({ model }) => model)]),
    );
    models.delete('policy');
    const check = {
      what: 'models',
      ok: true,
      detail: `stopped before the first of ${models.size} is loaded: ${[...models].join(', ')}`,
    };
    checks.push(check);
    options.onCheck?.(check);
  } finally {
    await backend.close();
  }
  return checks;
}

const deviceText = ({ deviceName, deviceMemoryBytes, capabilities }: ServerInfo): string =>
  `${deviceName}, ${(deviceMemoryBytes / 1e9).toFixed(0)} GB; can ${capabilities.join(', ')}`;
