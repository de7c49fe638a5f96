/** The page's own files: a fixed list, read once; nothing a caller says names a file. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PROJECT_ROOT } from '../backend/python.js';
import { MACHINE_CHARTS, TRAINING_CHARTS } from '../reports/chart-list.js';
import { STYLE } from '../reports/style.js';

/** One file as it is answered: its media type and its bytes. */
export interface Asset {
  readonly type: string;
  readonly body: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  svg: 'image/svg+xml',
};

/** By path. */
export function loadAssets(): ReadonlyMap<string, Asset> {
  const require = createRequire(import.meta.url);
  const own = join(PROJECT_ROOT, 'page');
  const beside = (module: string, file: string): string => join(dirname(require.resolve(module)), file);
  const files: [string, string][] = [
    ...readdirSync(own).map((name): [string, string] => [`/${name}`, join(own, name)]),
    ['/lib/preact.js', beside('htm/preact', 'standalone.module.js')],
    ['/lib/uplot.js', beside('uplot', 'uPlot.esm.js')],
    ['/lib/uplot.css', beside('uplot', 'uPlot.min.css')],
  ];
  const assets = new Map<string, Asset>(
    files.map(([path, file]) => [path, { type: typeOf(file), body: readFileSync(file) }] as const),
  );
  assets.set('/report.css', { type: typeOf('css'), body: Buffer.from(STYLE) });
  const charts = `export const TRAINING_CHARTS = ${JSON.stringify(TRAINING_CHARTS)};\nexport const MACHINE_CHARTS = ${JSON.stringify(MACHINE_CHARTS)};\n`;
  assets.set('/chart-list.js', { type: typeOf('js'), body: Buffer.from(charts) });
  assets.set('/', assets.get('/index.html') as Asset);
  return assets;
}

const typeOf = (file: string): string => TYPES[file.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
