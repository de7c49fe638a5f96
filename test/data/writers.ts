/** Tables written as files in every container that is read. Own code: nothing here is shared with the readers. */
import { deflateRawSync, gzipSync } from 'node:zlib';
import { tableFromArrays, tableToIPC } from '@uwdata/flechette';
import { parquetWriteBuffer } from 'hyparquet-writer';

export type TableRow = Readonly<Record<string, unknown>>;

/** A zip archive of files, each as it is or deflated. */
export function zipOf(files: Readonly<Record<string, string | Uint8Array>>, deflate = true): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const plain = Buffer.from(content);
    const packed = deflate ? deflateRawSync(plain) : plain;
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt16LE(0x0800, 2); // names are UTF-8
    facts.writeUInt16LE(deflate ? 8 : 0, 4);
    facts.writeUInt32LE(crc32(plain), 10);
    facts.writeUInt32LE(packed.length, 14);
    facts.writeUInt32LE(plain.length, 18);
    facts.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), facts, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), facts, rest, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, entries, end]);
}

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** A zstd frame of blocks that are stored as they are. */
export function zstdOf(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  // Magic, then: no single segment, no checksum, window of 1 MiB.
  const parts = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50])];
  const size = 100_000;
  for (let at = 0; at === 0 || at < bytes.length; at += size) {
    const block = bytes.subarray(at, at + size);
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (at + size >= bytes.length ? 1 : 0), 0, 3);
    parts.push(header, block);
  }
  return Buffer.concat(parts);
}

/** A workbook with the given sheets; cells are inline strings, numbers or booleans. */
export function workbookOf(sheets: Readonly<Record<string, readonly (readonly unknown[])[]>>): Buffer {
  const names = Object.keys(sheets);
  const escape = (text: string): string =>
    text
      .replace(/&/g, '&amp;')
      .replace(/</g, '&lt;')
      .replace(/>/g, '&gt;')
      .replace(/"/g, '&quot;')
      .replace(/\r/g, '_x000D_');
  const column = (index: number): string => String.fromCharCode(65 + index);
  const cell = (value: unknown, row: number, index: number): string => {
    const place = `r="${column(index)}${row + 1}"`;
    if (typeof value === 'number') return `<c ${place}><v>${value}</v></c>`;
    if (typeof value === 'boolean') return `<c ${place} t="b"><v>${Number(value)}</v></c>`;
    return typeof value === 'string'
      ? `<c ${place} t="inlineStr"><is><t xml:space="preserve">${escape(value)}</t></is></c>`
      : '';
  };
  const xml = (body: string): string => `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>${body}`;
  const main = 'http://schemas.openxmlformats.org/spreadsheetml/2006/main';
  const rel = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships';
  const pack = 'http://schemas.openxmlformats.org/package/2006/relationships';
  const sheetXml = (rows: readonly (readonly unknown[])[]): string =>
    xml(
      `<worksheet xmlns="${main}"><sheetData>${rows
        .map(
          (cells, row) => `<row r="${row + 1}">${cells.map((value, index) => cell(value, row, index)).join('')}</row>`,
        )
        .join('')}</sheetData></worksheet>`,
    );
  return zipOf({
    '[Content_Types].xml': xml(
      '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/></Types>',
    ),
    '_rels/.rels': xml(
      `<Relationships xmlns="${pack}"><Relationship Id="rId1" Type="${rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    ),
    'xl/workbook.xml': xml(
      `<workbook xmlns="${main}" xmlns:r="${rel}"><sheets>${names
        .map((name, index) => `<sheet name="${escape(name)}" sheetId="${index + 1}" r:id="rId${index + 1}"/>`)
        .join('')}</sheets></workbook>`,
    ),
    'xl/_rels/workbook.xml.rels': xml(
      `<Relationships xmlns="${pack}">${names
        .map(
          (_, index) =>
            `<Relationship Id="rId${index + 1}" Type="${rel}/worksheet" Target="worksheets/sheet${index + 1}.xml"/>`,
        )
        .join('')}</Relationships>`,
    ),
    ...Object.fromEntries(
      names.map((name, index) => [`xl/worksheets/sheet${index + 1}.xml`, sheetXml(sheets[name] ?? [])]),
    ),
  });
}

/** CSV with every cell quoted. */
export function csvOf(rows: readonly TableRow[], delimiter = ',', lineEnd = '\n'): string {
  const names = columnNames(rows);
  const quoted = (value: unknown): string => `"${cellText(value).replaceAll('"', '""')}"`;
  return [names, ...rows.map((row) => names.map((name) => row[name]))]
    .map((cells) => cells.map(quoted).join(delimiter) + lineEnd)
    .join('');
}

/** A value as a table of texts has it: JSON for lists and objects. */
const cellText = (value: unknown): string => {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
};

/** A value as Python prints it, which is what pandas writes into a cell. */
export function pythonText(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.map(pythonText).join(', ')}]`;
  if (typeof value === 'object')
    return `{${Object.entries(value)
      .map(([key, inside]) => `${pythonText(key)}: ${pythonText(inside)}`)
      .join(', ')}}`;
  const text = typeof value === 'string' ? value : '';
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t');
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}

export const columnNames = (rows: readonly TableRow[]): string[] => [...new Set(rows.flatMap(Object.keys))];

const columnsOf = (rows: readonly TableRow[]): Record<string, unknown[]> =>
  Object.fromEntries(columnNames(rows).map((name) => [name, rows.map((row) => row[name] ?? null)]));

/** Values as a typed table can hold them: lists and objects as JSON text. */
const typed = (rows: readonly TableRow[]): Record<string, unknown[]> =>
  Object.fromEntries(
    Object.entries(columnsOf(rows)).map(([name, values]) => [
      name,
      values.some((value) => typeof value === 'object' && value !== null)
        ? values.map((value) => (value === null ? null : JSON.stringify(value)))
        : values,
    ]),
  );

const jsonLines = (rows: readonly TableRow[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

/** Containers that keep values of any shape. */
export const ANY_SHAPE: Readonly<Record<string, (rows: readonly TableRow[]) => string | Uint8Array>> = {
  'lines.jsonl': jsonLines,
  'crlf.jsonl': (rows) => `\ufeff${jsonLines(rows).replaceAll('\n', '\r\n')}`,
  'commas.jsonl': (rows) => rows.map((row) => `${JSON.stringify(row)},\n`).join(''),
  'lines.jsonl.gz': (rows) => gzipSync(jsonLines(rows)),
  'lines.jsonl.zst': (rows) => zstdOf(jsonLines(rows)),
  'lines.zip': (rows) => zipOf({ 'inside/lines.jsonl': jsonLines(rows), 'README.txt': 'about' }),
  'list.json': (rows) => JSON.stringify(rows),
  'pretty.json': (rows) => JSON.stringify(rows, undefined, 2),
  'objects.json': (rows) => rows.map((row) => `${JSON.stringify(row, undefined, 2)}\n`).join(''),
  'data.json': (rows) => JSON.stringify({ version: 1, data: rows }),
  'train.json': (rows) => JSON.stringify({ train: rows, test: rows.slice(0, 1) }, undefined, 1),
  'split.json': (rows) => {
    const columns = columnNames(rows);
    return JSON.stringify({
      columns,
      index: rows.map((_, index) => index),
      data: rows.map((row) => columns.map((name) => row[name] ?? null)),
    });
  },
  'cells.json': (rows) =>
    JSON.stringify(
      Object.fromEntries(
        Object.entries(columnsOf(rows)).map(([name, values]) => [name, Object.fromEntries(values.entries())]),
      ),
    ),
  'encoded.jsonl': (rows) =>
    jsonLines(
      rows.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [name, areMessages(value) ? JSON.stringify(value) : value]),
        ),
      ),
    ),
};

/** Containers of texts and numbers; lists and objects are in them as JSON text. */
export const FLAT: Readonly<Record<string, (rows: readonly TableRow[]) => string | Uint8Array>> = {
  'comma.csv': (rows) => csvOf(rows),
  'excel.csv': (rows) => `sep=;\r\n${csvOf(rows, ';', '\r\n')}`,
  'tabs.tsv': (rows) => csvOf(rows, '\t'),
  'utf16.txt': (rows) => Buffer.from(`\ufeff${csvOf(rows, '\t', '\r\n')}`, 'utf16le'),
  'python.csv': (rows) =>
    csvOf(
      rows.map((row) =>
        Object.fromEntries(
          Object.entries(row).map(([name, value]) => [name, areMessages(value) ? pythonText(value) : value]),
        ),
      ),
    ),
  'table.parquet': (rows) => {
    const columnData = Object.entries(typed(rows)).map(([name, data]) => ({ name, data }));
    return new Uint8Array(parquetWriteBuffer({ columnData }));
  },
  'table.arrow': (rows) => tableToIPC(tableFromArrays(typed(rows)), { format: 'file' }) as Uint8Array,
  'stream.arrow': (rows) => tableToIPC(tableFromArrays(typed(rows)), { format: 'stream' }) as Uint8Array,
  'book.xlsx': (rows) => {
    const names = columnNames(rows);
    return workbookOf({ Sheet1: [names, ...rows.map((row) => names.map((name) => flatValue(row[name])))], Other: [] });
  },
};

const flatValue = (value: unknown): unknown =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : value;

const areMessages = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((entry) => typeof entry === 'object' && entry !== null && ('role' in entry || 'from' in entry));
