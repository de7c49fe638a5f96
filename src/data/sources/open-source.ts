/** From the name of a data source to its rows: what a file is, is decided by its content first and its name second. */
import { MrpoError } from '../../core/errors.js';
import { isArrowFile, isArrowStream } from './arrow-messages.js';
import { openArrow } from './arrow.js';
import { magicOf, openBytes, type DataBytes } from './bytes.js';
import { dataFiles } from './data-files.js';
import { openHub, parseHubSource, type HubReader } from './hub.js';
import { isParquet, openParquet } from './parquet.js';
import { shardedSource } from './shards.js';
import { DEFAULT_MAX_UNPACKED_BYTES, type RowSource, type SourceOptions } from './source.js';
import { openText } from './text.js';
import { isWorkbook, openWorkbook } from './workbook.js';
import { isZip, zipContents } from './zip.js';

/** Which part of a source is opened, and by what means. */
export interface OpenSourceOptions extends SourceOptions {
  /** Needed for `hub:` sources only. */
  readonly hub?: HubReader | undefined;
  /** Part of a hub data set, a folder, a JSON object or a workbook. */
  readonly split?: string | undefined;
  /** Configuration and revision of a hub data set. */
  readonly config?: string | undefined;
  readonly revision?: string | undefined;
}

/**
 * Opens a source of any kind; rows are read as the batches are.
 * @param source a file, a folder, a pattern, or `hub:ID[:CONFIG][:SPLIT]`.
 * @throws MrpoError `data` if the source does not exist or is nothing that rows can be read from.
 */
export async function openSource(source: string, options: OpenSourceOptions): Promise<RowSource> {
  const hub = parseHubSource(source, options);
  if (hub !== undefined) return openHub(hub, options.hub);
  const several = await dataFiles(source, options.split);
  if (several === undefined) return openFile(source, options);
  // The split chose files; it says nothing about what is in them.
  return shardedSource(several, (file) => openFile(file, { ...options, split: undefined }));
}

/**
 * The files that {@link openSource} would read, there or not; none for a data set of a hub. Opens nothing.
 * @throws MrpoError `data` for a folder or a pattern without such files, `config` for a `hub:` that is no name of one.
 */
export async function sourceFiles(
  source: string,
  options: Pick<OpenSourceOptions, 'split' | 'config' | 'revision'>,
): Promise<readonly string[]> {
  if (parseHubSource(source, options) !== undefined) return [];
  return (await dataFiles(source, options.split))?.files ?? [source];
}

async function openFile(path: string, options: OpenSourceOptions): Promise<RowSource> {
  const limit = options.maxUnpackedBytes ?? DEFAULT_MAX_UNPACKED_BYTES;
  if (isZip(await magicOf(path))) {
    const { names, unpackedBytes } = await zipContents(path);
    if (isWorkbook(names)) return openWorkbook(path, unpackedBytes, options);
    refuseDocument(path, names);
  }
  const bytes = await openBytes(path, limit);
  if (bytes.head.length === 0) throw new MrpoError('data', `${path}: is empty; expected rows`);
  const opened = await openTable(bytes, options);
  return bytes.packing === undefined ? opened : { ...opened, kind: `${opened.kind}, ${bytes.packing}` };
}

function openTable(bytes: DataBytes, options: OpenSourceOptions): Promise<RowSource> | RowSource {
  if (isParquet(bytes.head)) return openParquet(bytes, options);
  if (isArrowFile(bytes.head) || isArrowStream(bytes.head)) return openArrow(bytes, options);
  return openText(bytes, options);
}

/** Other documents that are zip archives too. */
function refuseDocument(path: string, names: readonly string[]): void {
  const known = (
    [
      ['xl/workbook.bin', 'a binary Excel workbook (.xlsb)'],
      ['word/document.xml', 'a Word document'],
      ['content.xml', 'an OpenDocument file'],
    ] as const
  ).find(([name]) => names.includes(name));
  if (known === undefined) return;
  throw new MrpoError('data', `${path}: is ${known[1]}; expected .xlsx, CSV or another table`, {
    hint: 'Save the table as CSV (UTF-8) or .xlsx and name that file.',
  });
}
