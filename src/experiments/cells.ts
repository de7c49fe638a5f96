/** A matrix taken apart into its cells: one run each. */
import { loadConfig, type LoadedConfig } from '../config/index.js';
import { mergeSettings, type Settings } from '../config/merge.js';
import { MrpoError } from '../core/errors.js';
import { SEED_AXIS, valuesOf, type Matrix } from './matrix.js';

/** Value by axis. */
export type Coordinates = Readonly<Record<string, string>>;

/** One run of a matrix. */
export interface Cell {
  /** Values of the axes in their order: "S3/L<-M/MRPO/0". */
  readonly path: string;
  readonly coordinates: Coordinates;
  /** With a placeholder as its output: where a cell is kept depends on its key. */
  readonly config: LoadedConfig;
  /** What is inferred in it and not known. */
  readonly marks: readonly string[];
}

/** Which cells of a matrix are meant. */
export interface CellOptions {
  /** Folder that relative paths are relative to. Default: the current one. */
  readonly folder?: string | undefined;
  /** Number of seeds in place of the matrix's own: 0, 1, ... */
  readonly seeds?: number | undefined;
  /** Keep the cells whose path matches one of these: `s3/L<-M/*`; letter case does not matter. */
  readonly only?: readonly string[] | undefined;
}

/**
 * All cells of a matrix, or those that the options choose.
 * @throws MrpoError `config` if a cell's configuration is not valid: nothing has been run then; names the cell.
 */
export function cellsOf(matrix: Matrix, options: CellOptions = {}): readonly Cell[] {
  const axes = Object.keys(matrix.axes).map((axis) => ({ axis, values: layersOf(matrix, axis, options.seeds) }));
  const combinations = axes.reduce<readonly Combination[]>(
    (all, { axis, values }) =>
      all.flatMap(({ coordinates, settings }) =>
        values.map((value) => ({
          coordinates: { ...coordinates, [axis]: value.name },
          settings: mergeSettings(settings, value.settings) as Settings,
        })),
      ),
    [{ coordinates: {}, settings: matrix.base }],
  );
  const wanted = (options.only ?? []).map(globPattern);
  return combinations
    .filter(({ coordinates }) => !matrix.exclude.some((excluded) => matches(coordinates, excluded)))
    .map(({ coordinates, settings }) => ({ path: pathOf(coordinates), coordinates, settings }))
    .filter(({ path }) => wanted.length === 0 || wanted.some((pattern) => pattern.test(path)))
    .map(({ path, coordinates, settings }) => ({
      path,
      coordinates,
      config: configOf(path, settings, options.folder),
      marks: marksOf(matrix, coordinates),
    }));
}

interface Combination {
  readonly coordinates: Coordinates;
  readonly settings: Settings;
}

/** Coordinates as one text; the axes' order is the matrix's. */
export const pathOf = (coordinates: Coordinates): string => Object.values(coordinates).join('/');

/** Whether every value named in `some` is that of `coordinates`. */
export const matches = (coordinates: Coordinates, some: Coordinates): boolean =>
  Object.entries(some).every(([axis, value]) => coordinates[axis] === value);

function layersOf(
  matrix: Matrix,
  axis: string,
  seeds: number | undefined,
): readonly { readonly name: string; readonly settings: Settings }[] {
  if (axis === SEED_AXIS && (seeds !== undefined || Array.isArray(matrix.axes[axis]))) {
    const names = seeds === undefined ? valuesOf(matrix, axis) : Array.from({ length: seeds }, (_, seed) => `${seed}`);
    return names.map((name) => ({ name, settings: { training: { seed: Number(name) } } }));
  }
  return Object.entries(matrix.axes[axis] ?? {}).map(([name, settings]) => ({ name, settings: settings as Settings }));
}

function configOf(path: string, settings: Settings, folder: string | undefined): LoadedConfig {
  try {
    // The environment belongs to the person's own runs: MRPO_SET_... must not change what a table says.
    return loadConfig({ object: settings as never, env: {}, cwd: folder });
  } catch (thrown) {
    if (!(thrown instanceof MrpoError)) throw thrown;
    throw new MrpoError(thrown.code, `cell ${path}: ${thrown.message}`, { hint: thrown.hint, cause: thrown });
  }
}

function marksOf(matrix: Matrix, coordinates: Coordinates): readonly string[] {
  return Object.entries(coordinates).flatMap(([axis, value]) => matrix.marks[axis]?.[value] ?? []);
}

/** `*` stands for any text within a step of the path, `**` for any text. */
function globPattern(glob: string): RegExp {
  const escaped = glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&');
  const pattern = escaped.replaceAll('**', '\0').replaceAll('*', '[^/]*').replaceAll('\0', '.*');
  return new RegExp(`^${pattern}(/.*)?$`, 'i');
}
