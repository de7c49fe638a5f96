/** Paths of a spec lie below the roots of the service, also where a link leads. */
import { realpathSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';
import type { RunConfig } from '../../config/index.js';
import { dataSources } from '../../config/index.js';
import type { RefusedField } from '../fault.js';

/** The folders that a spec may name files in. */
export interface Roots {
  /** As they were given, absolute. */
  readonly folders: readonly string[];
  /** Whether an absolute path, links followed, lies in one of the folders. */
  contains(path: string): boolean;
}

/**
 * What lies below any of the folders.
 * @param withheld Folders that are not meant, though they may lie below one that is.
 */
export function createRoots(folders: readonly string[], withheld: readonly string[] = []): Roots {
  const real = folders.map((folder) => realOf(resolve(folder)));
  const closed = withheld.map((folder) => realOf(resolve(folder)));
  return {
    folders: folders.map((folder) => resolve(folder)),
    contains(path) {
      if (path.includes('\0')) return false;
      const found = realOf(path);
      return liesBelow(found, real) && !liesBelow(found, closed);
    },
  };
}

const liesBelow = (path: string, folders: readonly string[]): boolean =>
  folders.some((folder) => path === folder || path.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`));

/** The path with every link followed; of one that is not there, as far as it is. */
function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : resolve(realOf(parent), path.slice(parent.length).replace(/^[/\\]+/, ''));
  }
}

/**
 * Paths of a resolved configuration that lie outside. Whether something is there is not told.
 * @param own Further folders that this caller may read.
 */
export function pathsOutside(config: RunConfig, roots: Roots, own: Roots): RefusedField[] {
  const named: (readonly [string, string | undefined])[] = [
    ['spec.policy.model', config.policy.model],
    ['spec.policy.adapter', config.policy.adapter],
    ...config.references.flatMap(({ model, adapter }, i): [string, string | undefined][] => [
      [`spec.references[${i}].model`, model],
      [`spec.references[${i}].adapter`, adapter],
    ]),
    ...dataSources(config.data.train).map(({ path }): [string, string] => ['spec.data.train', plainFolder(path)]),
    ...(typeof config.data.eval === 'number'
      ? []
      : dataSources(config.data.eval).map(({ path }): [string, string] => ['spec.data.eval', plainFolder(path)])),
    ['spec.objective.module', config.objective.module],
  ];
  const allowed = roots.folders.length === 0 ? 'none' : roots.folders.join(', ');
  return named.flatMap(([field, path]) =>
    path === undefined || !isPath(path) || roots.contains(path) || own.contains(path)
      ? []
      : [{ field, description: `${path} is outside the folders that this service may read (its --roots: ${allowed})` }],
  );
}

/** Every local path of a resolved configuration is absolute; what is not is a name on a hub. */
const isPath = (path: string): boolean => path.startsWith('/') || /^[A-Za-z]:[\\/]/.test(path);

/** Of a pattern, the folder that it starts in; it cannot leave it, since `..` is not taken in one. */
function plainFolder(path: string): string {
  const star = path.search(/[*?[\]{}()!]/);
  if (star < 0) return path;
  return /(^|[\\/])\.\.([\\/]|$)/.test(path.slice(star)) ? '/' : dirname(`${path.slice(0, star)}x`);
}
