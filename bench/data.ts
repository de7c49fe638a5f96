/**
 * Reading a large preference file: MB/s and peak memory, beside the limit that JSON.parse sets.
 *
 *   npm run bench -- data [--megabytes 1000] [--keep] [--save] [--against CHECKOUT]
 *
 * Writes a file of conversational pairs (about 2 KB a row, one third with characters beyond ASCII) into the system's
 * temporary folder and measures each stage in a process of its own. --save writes the table to bench/results/data.md.
 * --against measures the same stages of another checkout of the project (a git worktree) in turn with these, so that a
 * busy machine slows both.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { seededRandom } from '../src/core/random.js';
import { readPairs } from '../src/data/index.js';
import { openBytes } from '../src/data/sources/bytes.js';
import { jsonLines } from '../src/data/sources/json-lines.js';
import { summariseData } from '../src/data/summarise.js';

/** A stage does what is not measured, then gives what is, with the bytes that it covers. */
type Stage = (file: string) => Promise<{ readonly bytes: number; readonly work: () => Promise<number> | number }>;

const STAGES: Readonly<Record<string, { readonly what: string; readonly prepare: Stage }>> = {
  limit: { what: 'limit: JSON.parse alone, on 150 MB of lines that are strings already', prepare: parseReadyLines },
  read: { what: 'read the bytes and nothing else', prepare: wholeFile(readOnly) },
  rows: { what: 'rows: read, split, checked (UTF-8, length, doubled keys), parsed', prepare: wholeFile(rowsOnly) },
  pairs: { what: 'pairs: format recognised, text checked, hashed (readPairs)', prepare: wholeFile(pairsOnly) },
  summary: { what: '`mrpo data`: with duplicates, lengths and quantiles', prepare: wholeFile(summaryOnly) },
};

function wholeFile(work: (file: string) => Promise<number>): Stage {
  return async (file) => ({ bytes: statSync(file).size, work: () => work(file) });
}

async function parseReadyLines(file: string): ReturnType<Stage> {
  let text = '';
  for await (const chunk of createReadStream(file, { encoding: 'utf8', end: 150e6 })) text += chunk as string;
  const lines = text.split('\n').slice(0, -1);
  const work = (): number => {
    for (const line of lines) JSON.parse(line);
    return lines.length;
  };
  return { bytes: lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0), work };
}

async function readOnly(file: string): Promise<number> {
  let bytes = 0;
  for await (const chunk of (await openBytes(file, Infinity)).chunks()) bytes += chunk.length;
  return bytes;
}

async function rowsOnly(file: string): Promise<number> {
  let rows = 0;
  for await (const batch of jsonLines((await openBytes(file, Infinity)).chunks(), 0, {})) rows += batch.length;
  return rows;
}

async function pairsOnly(file: string): Promise<number> {
  let pairs = 0;
  for await (const batch of (await readPairs(file)).batches) pairs += batch.pairs.length;
  return pairs;
}

async function summaryOnly(file: string): Promise<number> {
  return (await summariseData(file, { keepFirst: 3 })).counts.pairs;
}

interface Measured {
  readonly bytes: number;
  readonly count: number;
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMegabytes: number;
}

async function measure(stage: string, file: string): Promise<Measured> {
  const prepared = await STAGES[stage]?.prepare(file);
  if (prepared === undefined) throw new Error(`no stage ${stage}`);
  const before = process.cpuUsage();
  const started = performance.now();
  const count = await prepared.work();
  const wallSeconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(before);
  return {
    bytes: prepared.bytes,
    count,
    wallSeconds,
    cpuSeconds: (user + system) / 1e6,
    peakMegabytes: process.resourceUsage().maxRSS / 1024,
  };
}

/** Writes rows until the file has this many megabytes (10^6 bytes). */
function writeRows(file: string, megabytes: number): void {
  const random = seededRandom(0);
  const words =
    'the quick brown fox jumps over a lazy dog while numbers such as 42 and code `x = y` appear with "quotes" and\nnew lines sometimes'.split(
      ' ',
    );
  const text = (length: number): string => {
    let result = '';
    while (result.length < length) result += `${words[random.integer(words.length)]} `;
    return result;
  };
  const output = openSync(file, 'w');
  for (let bytes = 0, row = 0; bytes < megabytes * 1e6; row++) {
    const beyondAscii = row % 3 === 0 ? ' naïve café 中文 😀' : '';
    const line = JSON.stringify({
      prompt: [{ role: 'user', content: `${text(300)}${row}` }],
      chosen: [{ role: 'assistant', content: text(900) + beyondAscii }],
      rejected: [{ role: 'assistant', content: text(800) }],
    });
    bytes += writeSync(output, `${line}\n`);
  }
  closeSync(output);
}

function report(
  fileBytes: number,
  rows: readonly (readonly [string, Measured])[],
  others: readonly (readonly [string, Measured])[],
  other: string,
): string {
  const megabytes = fileBytes / 1e6;
  const cell = (value: number, digits = 0): string => value.toFixed(digits);
  const line = ([stage, { bytes, wallSeconds, cpuSeconds, peakMegabytes }]: readonly [string, Measured]): string =>
    `| ${STAGES[stage]?.what} | ${cell(bytes / 1e6 / wallSeconds)} | ${cell(bytes / 1e6 / cpuSeconds)} | ${cell(peakMegabytes)} |`;
  return [
    '# Reading a large preference file',
    '',
    `\`npm run bench -- data --megabytes ${Math.round(megabytes)}\`: one .jsonl file of ${cell(megabytes)} MB, ${rows.find(([stage]) => stage === 'pairs')?.[1].count} conversational pairs,`,
    `one third of them with characters beyond ASCII. Each stage in a process of its own, one thread. Node ${process.versions.node}, ${cpus().length} x ${cpus()[0]?.model.trim()}.`,
    `MB/s by the clock, and per second of processor time; load average ${loadavg()[0]?.toFixed(1)} (on a busy machine the second is the steadier one).`,
    '',
    '| stage | MB/s | MB per CPU second | peak memory, MB |',
    '|---|---|---|---|',
    ...rows.map(line),
    '',
    ...(others.length === 0
      ? []
      : [
          `The same stages of ${other}, each measured in turn with the one above:`,
          '',
          '| stage | MB/s | MB per CPU second | peak memory, MB |',
          '|---|---|---|---|',
          ...others.map(line),
          '',
        ]),
  ].join('\n');
}

const commitOf = (checkout: string): string =>
  execFileSync('git', ['log', '-1', '--format=commit %h (%ad)', '--date=short'], {
    encoding: 'utf8',
    cwd: checkout,
  }).trim();

const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1000' },
    keep: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
    against: { type: 'string' },
    stage: { type: 'string' },
    file: { type: 'string' },
  },
});

if (values.stage !== undefined && values.file !== undefined) {
  console.log(JSON.stringify(await measure(values.stage, values.file)));
} else {
  const folder = mkdtempSync(join(tmpdir(), 'mrpo-bench-'));
  const file = join(folder, 'pairs.jsonl');
  try {
    writeRows(file, Number(values.megabytes));
    const here = fileURLToPath(new URL('..', import.meta.url));
    const [results, others]: (readonly [string, Measured])[][] = [[], []];
    for (const stage of Object.keys(STAGES)) {
      for (const [checkout, into] of [
        [here, results],
        [values.against, others],
      ] as const) {
        if (checkout === undefined) continue;
        const command = ['--import', 'tsx', 'bench/main.ts', 'data', '--stage', stage, '--file', file];
        const output = execFileSync(process.execPath, command, { encoding: 'utf8', cwd: checkout });
        const measured = JSON.parse(output) as Measured;
        into?.push([stage, measured]);
        console.error(
          `${checkout} ${stage}: ${(measured.bytes / 1e6 / measured.cpuSeconds).toFixed(0)} MB per CPU second, ${measured.peakMegabytes.toFixed(0)} MB peak`,
        );
      }
    }
    const other = values.against === undefined ? '' : commitOf(values.against);
    const text = report(statSync(file).size, results ?? [], others ?? [], other);
    if (values.save) {
      const target = new URL('./results/', import.meta.url);
      mkdirSync(target, { recursive: true });
      writeFileSync(new URL('data.md', target), text);
    }
    console.log(text);
  } finally {
    if (values.keep) console.error(`kept ${file}`);
    else rmSync(folder, { recursive: true });
  }
}
