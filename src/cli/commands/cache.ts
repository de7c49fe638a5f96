/** `mrpo cache`: what the log-prob cache holds, and how to carry it elsewhere or make it smaller. */
import { resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import {
  cacheFile,
  exportCache,
  importCache,
  openLogpCache,
  type CacheEntry,
  type LogpCache,
} from '../../references/index.js';
import { bytesText } from '../../core/quantities.js';
import { printJson, type CliIo } from '../command.js';

interface JsonOption {
  readonly json?: boolean;
}

const DAY_MS = 86_400_000;

/** Adds `mrpo cache` with export, import and prune; all work on the file only and start no Python. */
export function registerCache(program: Command, io: CliIo): void {
  const command = program
    .command('cache')
    .description('Show the log-prob cache: size, and what each model has in it.')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText(
      'after',
      '\nThe cache is the file logps.sqlite in $MRPO_CACHE_DIR, else $XDG_CACHE_HOME/mrpo, else ~/.cache/mrpo.\n\nExamples:\n  $ npx mrpo cache\n  $ npx mrpo cache export scores.parquet\n',
    )
    .action((options: JsonOption) => withCache(io, (cache) => show(io, cache, options.json === true)));
  command
    .command('export')
    .description('Write all scores to one Parquet file, for another machine.')
    .argument('<file>', 'file to write, e.g. scores.parquet')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  $ npx mrpo cache export scores.parquet\n')
    .action((file: string, _options: JsonOption, self: Command) =>
      withCache(io, async (cache) => {
        const result = await exportCache(cache, resolve(io.cwd, file));
        if (wantsJson(self)) printJson(io, { file, ...result });
        else io.out(`${file}: ${result.pairs} scores of ${result.models} models, ${bytesText(result.bytes)}\n`);
      }),
    );
  command
    .command('import')
    .description('Add the scores of an exported file; reports and external references then use them as they are.')
    .argument('<file>', 'file written by "mrpo cache export"')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText('after', '\nExample:\n  $ npx mrpo cache import scores.parquet\n')
    .action((file: string, _options: JsonOption, self: Command) =>
      withCache(io, async (cache) => {
        const result = await importCache(cache, resolve(io.cwd, file));
        if (wantsJson(self)) printJson(io, { file, ...result });
        else
          io.out(
            `${file}: ${result.added} scores of ${result.models} models added, ${result.known} were here already\n`,
          );
      }),
    );
  command
    .command('prune')
    .description('Remove scores of models that match, and shrink the file. They can be computed again.')
    .option('--unused <days>', 'models not used for so many days', days)
    .option('--model <text>', 'models whose path contains this, or whose weights have a hash that starts with it')
    .option('--all', 'every model')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText(
      'after',
      '\nExamples:\n  $ npx mrpo cache prune --unused 90\n  $ npx mrpo cache prune --model old-reference\n',
    )
    .action((options: { unused?: number; model?: string; all?: boolean }, self: Command) =>
      withCache(io, (cache) => {
        const { unused, model, all } = options;
        if (all !== true && unused === undefined && model === undefined) {
          throw new MrpoError('usage', 'cache prune: expected --unused DAYS, --model TEXT or --all');
        }
        if (all === true && (unused !== undefined || model !== undefined)) {
          throw new MrpoError(
            'usage',
            'cache prune: --all leaves nothing for --unused or --model to choose; give one or the other',
          );
        }
        const { removed, busy } = cache.prune({
          model,
          unusedForMs: unused === undefined ? undefined : unused * DAY_MS,
        });
        const bytes = cache.bytes();
        if (wantsJson(self))
          return printJson(io, { removed: removed.map(entryJson), busy: busy.map(entryJson), bytes });
        for (const entry of removed) io.out(`removed ${entry.label}: ${entry.pairs} scores\n`);
        for (const entry of busy) io.out(`kept ${entry.label}: a process is scoring it\n`);
        io.out(`${removed.length} models removed; the cache has ${bytesText(bytes)} now\n`);
      }),
    );
}

async function withCache(io: CliIo, work: (cache: LogpCache) => void | Promise<void>): Promise<void> {
  const cache = openLogpCache({ path: cacheFile(io.env) });
  try {
    await work(cache);
  } finally {
    cache.close();
  }
}

/** `mrpo cache --json export` and `mrpo cache export --json` are both understood: the parent has the option too. */
const wantsJson = (command: Command): boolean => command.optsWithGlobals<JsonOption>().json === true;

function show(io: CliIo, cache: LogpCache, json: boolean): void {
  const entries = cache.entries();
  if (json) return printJson(io, { path: cache.path, bytes: cache.bytes(), models: entries.map(entryJson) });
  io.out(`${cache.path}: ${bytesText(cache.bytes())}, ${entries.length} models\n`);
  for (const entry of entries) io.out(entryText(entry));
}

function entryText(entry: CacheEntry): string {
  const { label, numericPath, pairs, unusable, maxLength, truncation, template, weights, lastUsed, imported } = entry;
  return [
    `\n  ${label}${imported ? '  (imported)' : ''}`,
    `    ${pairs} pairs${unusable > 0 ? `, ${unusable} of them unusable` : ''}, last used ${lastUsed.toISOString().slice(0, 10)}`,
    `    ${numericPath}; max_length ${maxLength}, truncation ${truncation}, template ${template}; weights ${weights.slice(0, 12)}`,
    '',
  ].join('\n');
}

const entryJson = ({ id: _id, lastUsed, ...entry }: CacheEntry): unknown => ({
  ...entry,
  lastUsed: lastUsed.toISOString(),
});

function days(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text)) throw new InvalidArgumentError(`expected a number of days, got "${text}"`);
  return value;
}
