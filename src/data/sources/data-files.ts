/** Which files are meant by a folder or a pattern. */
import { stat } from 'node:fs/promises';
import { basename, relative, resolve, sep } from 'node:path';
import { glob } from 'tinyglobby';

import { MrpoError } from '../../core/errors.js';

const TABLE = /\.(jsonl|ndjson|json|csv|tsv|parquet|arrow|feather|xlsx)(?:\.(?:gz|gzip|zst|zstd))?$|\.zip$/i;
/** Files that libraries write beside the data. */
const BESIDE = new Set(['dataset_info.json', 'dataset_infos.json', 'dataset_dict.json', 'state.json', 'config.json']);
const MAX_FILES = 10_000;

/** Whether a name is that of a table: not hidden, not one of the small files beside it. */
export const isDataFile = (name: string): boolean =>
  TABLE.test(name) &&
  !BESIDE.has(basename(name)) &&
  !name.split(/[/\\]/).some((part) => /^(?:\.|__MACOSX$)/.test(part));

/** The files that belong together. */
export interface DataFiles {
  /** In the order of their paths. */
  readonly files: readonly string[];
  /** What was left out and why, for the user. */
  readonly notes: readonly string[];
}

/**
 * The files of a folder or a pattern; `undefined` if the path is neither: then it is one file, there or not.
 * @param split takes the files of one split; a folder with several is read at `train`.
 * @throws MrpoError `data` if there is none, they are of several kinds, or of several splits of which none is chosen.
 */
export async function dataFiles(path: string, split: string | undefined): Promise<DataFiles | undefined> {
  const facts = await stat(path).catch(() => undefined);
  if (facts?.isDirectory()) {
    const found = (await filesBelow(path, ['**'])).filter((file) => isDataFile(relative(path, file)));
    if (found.length === 0) throw new MrpoError('data', `${path}: a folder without a data file (${KINDS})`);
    return oneKind(path, ofSplit(path, found, split));
  }
  if (facts !== undefined || !/[*?{[]/.test(path)) return undefined;
  const found = await filesBelow(...patternParts(path));
  if (found.length === 0) throw new MrpoError('data', `${path}: no file has such a name`);
  return oneKind(path, split === undefined ? { files: found, notes: [] } : ofSplit(path, found, split));
}

const KINDS = '.jsonl, .json, .csv, .parquet, .arrow, .feather, .xlsx; also .gz, .zst or in a .zip';

async function filesBelow(folder: string, patterns: string[]): Promise<string[]> {
  const found = await glob(patterns, { cwd: folder, absolute: true, onlyFiles: true });
  if (found.length > MAX_FILES)
    throw new MrpoError('data', `${folder}: ${found.length} files; expected at most ${MAX_FILES}`);
  return found.map((file) => resolve(file)).sort((a, b) => (a < b ? -1 : 1));
}

/** The folder before the first part with a wildcard, and the pattern below it. */
function patternParts(path: string): [string, string[]] {
  const parts = path.split(sep).join('/').split('/');
  const wild = parts.findIndex((part) => /[*?{[]/.test(part));
  return [parts.slice(0, wild).join('/') || (path.startsWith('/') ? '/' : '.'), [parts.slice(wild).join('/')]];
}

const SPLITS: readonly (readonly [string, RegExp])[] = [
  ['train', /(?:^|[^a-z])train(?:ing)?(?![a-z])/i],
  ['validation', /(?:^|[^a-z])(?:valid(?:ation)?|val|dev)(?![a-z])/i],
  ['test', /(?:^|[^a-z])(?:test(?:ing)?|eval(?:uation)?)(?![a-z])/i],
];

/** Split of a file by its name, as the hub's loader has it: `train-00000-of-00002.parquet`, `data/test.jsonl`. */
export function splitOf(name: string): string | undefined {
  const sharded = /(?:^|[/\\])([\w.]+)-\d{5}-of-\d{5}\./.exec(name)?.[1];
  if (sharded !== undefined && sharded !== 'data') return sharded;
  return SPLITS.find(([, pattern]) => pattern.test(name))?.[0];
}

const WITHOUT = 'without a split in their name';

function ofSplit(path: string, files: readonly string[], split: string | undefined): DataFiles {
  const bySplit = new Map<string, string[]>();
  for (const file of files) {
    const name = splitOf(relative(path, file)) ?? WITHOUT;
    const known = bySplit.get(name);
    if (known === undefined) bySplit.set(name, [file]);
    else known.push(file);
  }
  const wanted = split ?? (bySplit.size > 1 ? 'train' : ([...bySplit.keys()][0] ?? ''));
  const chosen = bySplit.get(wanted);
  const there = [...bySplit].map(([name, members]) => `${name} (${members.length})`).join(', ');
  if (chosen === undefined) {
    throw new MrpoError('data', `${path}: has no files of the split ${JSON.stringify(wanted)}; it has ${there}`, {
      hint: 'Say which with split: NAME beside path: (mrpo data: --split NAME), or name files by a pattern.',
    });
  }
  const left = bySplit.size > 1 && split === undefined ? [`files of the split train are read; there are ${there}`] : [];
  return { files: chosen, notes: left };
}

/** Shards of one table are of one kind; the same table in two kinds would be read twice. */
function oneKind(path: string, found: DataFiles): DataFiles {
  const kinds = new Map<string, number>();
  for (const file of found.files) {
    const kind = TABLE.exec(file)?.[1]?.toLowerCase() ?? /\.[^./\\]+$/.exec(file)?.[0].slice(1) ?? 'no ending';
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  if (kinds.size <= 1) return found;
  const there = [...kinds].map(([kind, count]) => `${count} x .${kind}`).join(', ');
  throw new MrpoError('data', `${path}: files of several kinds: ${there}`, {
    hint: 'Name one kind by a pattern, such as FOLDER/*.parquet, or list the files.',
  });
}
