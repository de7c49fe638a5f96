/** `mrpo data`: what is understood of a preference file, and how a model will see it. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { InvalidArgumentError, Option, type Command } from 'commander';

import type { Backend, TokenRule } from '../../backend/backend.js';
import { MrpoError } from '../../core/errors.js';
import { COLUMN_ROLES } from '../../config/column-roles.js';
import { explainFormat } from '../../data/explain-format.js';
import { formatList } from '../../data/formats/document.js';
import { formatNames, FORMATS, type PreferencePair, type ReadOptions } from '../../data/index.js';
import { KEPT_DROPS } from '../../data/drop-counter.js';
import { summariseData, type DataSummary } from '../../data/summarise.js';
import type { VerdictValues } from '../../data/verdict/sides.js';
import { explanationText } from '../explanation-text.js';
import { printJson, type CliIo } from '../command.js';
import { dataReport } from '../data-report.js';
import { viewTokens, type TokenView, type ViewRule } from '../token-view.js';

interface DataOptions {
  readonly split?: string;
  readonly maxUnpackedGb?: number;
  readonly format: string;
  readonly columns?: Readonly<Record<string, string>>;
  readonly pairing: 'best-vs-worst' | 'best-vs-random' | 'best-vs-rest' | 'adjacent' | 'all';
  readonly score?: string;
  readonly verdict?: VerdictValues;
  readonly ignore?: readonly string[];
  readonly messageKeys?: Readonly<Record<string, string>>;
  readonly speakers?: Readonly<Record<string, string>>;
  readonly lowerIsBetter?: boolean;
  readonly higherIsBetter?: boolean;
  readonly explain?: boolean;
  readonly seed: number;
  readonly model?: string;
  readonly revision?: string;
  readonly chatTemplate?: string;
  readonly maxLength?: number;
  readonly truncation: TokenRule['truncation'];
  readonly template: TokenRule['template'];
  readonly scoreTurns: TokenRule['scoreTurns'];
  readonly tokenRows: number;
  readonly samples: number;
  readonly dropped: number;
  readonly backend?: string;
  readonly listFormats?: boolean;
  readonly json?: boolean;
}

/** A file that is read within this time needs no progress display. */
const QUIET_MS = 1500;

/** Adds `mrpo data`; Python is started only for hub data sets and for `--model`. */
export function registerData(program: Command, io: CliIo): void {
  program
    .command('data')
    .description(
      'show what is understood of a preference file: format, counts, lengths, samples, and every dropped row with its reason',
    )
    .argument(
      '[source]',
      '.jsonl, .json, .csv, .parquet, .arrow, .feather or .xlsx file (also .gz, .zst, or alone in a .zip), a folder of files, a pattern, or hub:ID[:CONFIG][:SPLIT]',
    )
    .option('--split <name>', 'part of a hub data set or a folder, list in a JSON object, sheet of a workbook')
    .option('--max-unpacked-gb <number>', 'refuse a packed file that unpacks to more gigabytes (default: 2)', gigabytes)
    .option('--format <name>', `format of the rows, instead of recognising it: ${formatNames().join(', ')}`, 'auto')
    .option(
      '--columns <map>',
      'which column is what, as names or dotted paths: prompt=info.post,chosen=good,rejected=bad',
      parseColumns,
    )
    .option('--verdict <map>', 'what the values of the verdict column mean: 1=a,2=b,0=tie', parseVerdict)
    .option('--ignore <columns>', 'columns that are left out, whatever they may mean: context,schema', parseList)
    .option('--message-keys <map>', 'keys of messages: role=speaker,content=text', parseMessageKeys)
    .option('--speakers <map>', 'who further speakers are: kunde=user,berater=assistant', parseSpeakers)
    .addOption(
      new Option('--pairing <rule>', 'how ranked or scored answers become pairs')
        .choices(['best-vs-worst', 'best-vs-random', 'best-vs-rest', 'adjacent', 'all'])
        .default('best-vs-worst'),
    )
    .option(
      '--score <field>',
      'field that scores an answer, or list of scores beside the answers, where a row has several',
    )
    .option('--lower-is-better', 'less of the score is better')
    .option('--higher-is-better', 'more of the score is better, whatever its name says')
    .option('--seed <number>', 'of random pairings', wholeNumber, 0)
    .option('--model <model>', 'folder, hub id or .gguf file: also count its tokens and show samples as it sees them')
    .option('--revision <name>', 'branch, tag or commit of a hub id')
    .option('--chat-template <file>', "Jinja template in place of the tokenizer's own")
    .option(
      '--max-length <tokens>',
      'limit of prompt + response, at least 2; default: 1024, or what the model reads',
      tokenLimit,
    )
    .addOption(
      new Option('--truncation <rule>', 'for pairs over the limit')
        .choices(['keep_start', 'drop', 'paper', 'keep_end_of_prompt'])
        .default('keep_start'),
    )
    .addOption(
      new Option('--template <mode>', "each model's own, or the paper's").choices(['chat', 'paper']).default('chat'),
    )
    .addOption(
      new Option('--score-turns <which>', "of a response of several turns: the assistant's, or all")
        .choices(['assistant', 'all'])
        .default('assistant'),
    )
    .option('--token-rows <number>', 'pairs to tokenise, from the start of the file', wholeNumber, 2000)
    .option('--samples <number>', 'pairs to show', wholeNumber, 3)
    .option('--dropped <number>', 'dropped rows to list, or all', rowLimit, 50)
    .option('--backend <address>', 'a running backend; default: one is started when needed')
    .option('--list-formats', 'name the formats of rows that are understood, and stop')
    .option('--explain', 'say why the first rows are read as they are, and why no other format fits, and stop')
    .option('--json', `print one JSON object, with dropped rows (the first ${KEPT_DROPS.toLocaleString('en-US')})`)
    .addHelpText(
      'after',
      '\nExamples:\n  $ npx mrpo data pairs.jsonl\n  $ npx mrpo data pairs.csv --columns prompt=question,chosen=good,rejected=bad --model ./models/base\n',
    )
    .action(async (source: string | undefined, options: DataOptions) => {
      if (options.listFormats === true) return listFormats(io, options.json === true);
      if (source === undefined)
        throw new MrpoError('usage', 'data: expected a file, or --list-formats', {
          hint: 'Example: npx mrpo data pairs.jsonl',
        });
      await showData(io, source, options);
    });
}

async function showData(io: CliIo, source: string, options: DataOptions): Promise<void> {
  let opened: Backend | undefined;
  const backend = async (): Promise<Backend> => {
    // Loaded on demand: reading a file needs neither gRPC nor Python.
    const { openBackend } = await import('../../backend/open.js');
    return (opened ??= await openBackend({ address: options.backend, env: io.env, signal: io.signal }));
  };
  try {
    if (options.explain === true) return await showExplanation(io, source, options, backend);
    const summary = await readSummary(io, source, options, backend);
    const view =
      options.model === undefined || summary.first.length === 0
        ? undefined
        : await readView(io, summary, options.model, options, await backend());
    if (options.json === true) printJson(io, summaryJson(summary, view, options.samples));
    else io.out(dataReport(summary, view, options.samples, options.dropped));
    if (summary.counts.pairs === 0) {
      throw new MrpoError('data', `${source}: none of its ${summary.counts.rows} rows can be used`, {
        hint: summary.hint,
      });
    }
  } finally {
    await opened?.close();
  }
}

async function readSummary(
  io: CliIo,
  source: string,
  options: DataOptions,
  backend: () => Promise<Backend>,
): Promise<DataSummary> {
  const progress = io.progress('reading rows');
  const started = performance.now();
  try {
    return await summariseData(locationOf(io, source), {
      ...readOptions(io, options, backend),
      keepFirst: options.model === undefined ? options.samples : Math.max(options.tokenRows, options.samples),
      onRows: (rows) => {
        if (performance.now() - started > QUIET_MS) progress.update(rows, 0);
      },
    });
  } finally {
    progress.stop();
  }
}

const locationOf = (io: CliIo, source: string): string =>
  source.startsWith('hub:') ? source : resolve(io.cwd, source);

function readOptions(io: CliIo, options: DataOptions, backend: () => Promise<Backend>): ReadOptions {
  const { format, columns, verdict, ignore, pairing, score, seed, lowerIsBetter, higherIsBetter } = options;
  if (lowerIsBetter === true && higherIsBetter === true)
    throw new MrpoError('usage', '--lower-is-better and --higher-is-better: expected one of them');
  const hasKeys = options.messageKeys !== undefined || options.speakers !== undefined;
  return {
    split: options.split,
    ...(options.maxUnpackedGb !== undefined && { maxUnpackedBytes: options.maxUnpackedGb * 1e9 }),
    format,
    columns,
    verdict,
    ignore,
    pairing,
    score,
    seed,
    lowerIsBetter: lowerIsBetter ?? (higherIsBetter === true ? false : undefined),
    messages: hasKeys ? { ...options.messageKeys, roles: options.speakers } : undefined,
    signal: io.signal,
    hub: async function* (dataset, part) {
      yield* (await backend()).readDataset(dataset, { signal: io.signal, ...part });
    },
  };
}

async function showExplanation(
  io: CliIo,
  source: string,
  options: DataOptions,
  backend: () => Promise<Backend>,
): Promise<void> {
  const explanation = await explainFormat(locationOf(io, source), readOptions(io, options, backend));
  if (options.json === true) printJson(io, explanation);
  else io.out(explanationText(source, explanation));
}

function readView(
  io: CliIo,
  summary: DataSummary,
  model: string,
  options: DataOptions,
  backend: Backend,
): Promise<TokenView> {
  const { maxLength, truncation, template, scoreTurns } = options;
  const rule: ViewRule = { maxLength, truncation, template, scoreTurns };
  const spec = {
    source: existsSync(resolve(io.cwd, model)) ? resolve(io.cwd, model) : model,
    revision: options.revision,
    chatTemplate: options.chatTemplate === undefined ? undefined : readTemplate(resolve(io.cwd, options.chatTemplate)),
  };
  return viewTokens(backend, spec, summary.first, rule, options.samples, io.signal);
}

function readTemplate(path: string): string {
  if (!existsSync(path)) throw new MrpoError('usage', `--chat-template: ${path} does not exist`);
  return readFileSync(path, 'utf8');
}

/**
 * `samples` are pairs whose messages are a role and a text. A pair with more in its messages (tool calls, reasoning) is
 * under `templated`: only a chat template can write it out, and role and text alone would be another pair.
 */
function summaryJson(summary: DataSummary, view: TokenView | undefined, samples: number): unknown {
  const { first, ...rest } = summary;
  const shown = first.slice(0, samples);
  return {
    ...rest,
    samples: shown.filter((pair) => !isTemplated(pair)),
    templated: shown.filter(isTemplated),
    ...(view === undefined ? {} : { tokens: view }),
  };
}

const isTemplated = ({ prompt, chosen, rejected }: PreferencePair): boolean =>
  [prompt, chosen, rejected].some((messages) => messages.some(({ extra }) => extra !== undefined));

function listFormats(io: CliIo, json: boolean): void {
  if (json)
    return printJson(io, {
      formats: FORMATS.map(({ name, summary, sources, flags, examples }) => ({
        name,
        summary,
        sources,
        flags,
        examples,
      })),
    });
  io.out(formatList());
}

const parseColumns = (text: string): Readonly<Record<string, string>> =>
  parseMap(text, Object.keys(COLUMN_ROLES), 'a column name');
const parseMessageKeys = (text: string): Readonly<Record<string, string>> =>
  parseMap(text, ['role', 'content'], 'a key of messages');
const parseSpeakers = (text: string): Readonly<Record<string, string>> =>
  parseMap(text, undefined, 'system, user, assistant or tool', ['system', 'user', 'assistant', 'tool']);
const parseVerdict = (text: string): VerdictValues =>
  parseMap(text, undefined, 'a, b or tie', ['a', 'b', 'tie']) as VerdictValues;

/** `name=value,name=value`. @param names known ones; @param values known ones. */
function parseMap(
  text: string,
  names: readonly string[] | undefined,
  what: string,
  values?: readonly string[],
): Readonly<Record<string, string>> {
  const entries = text.split(',').map((part) => part.split('='));
  for (const [name = '', value = '', ...more] of entries) {
    if (entries.filter(([other]) => other === name).length > 1)
      throw new InvalidArgumentError(`${name} is given two ${names === undefined ? 'meanings' : 'columns'}`);
    if (names?.includes(name) === false || values?.includes(value) === false || value === '' || more.length > 0)
      throw new InvalidArgumentError(`expected ${(names ?? ['VALUE']).join('=, ')}= with ${what} each, got "${text}"`);
  }
  return Object.fromEntries(entries as [string, string][]);
}

function gigabytes(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError(`expected a number of gigabytes, got "${text}"`);
  return value;
}

const parseList = (text: string): readonly string[] => text.split(',').filter((name) => name !== '');

/** The fewest tokens that a pair can have: one of the prompt and one of the response. */
function tokenLimit(text: string): number {
  const tokens = wholeNumber(text);
  if (tokens < 2) throw new InvalidArgumentError(`expected at least 2, got ${text}`);
  return tokens;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError(`expected a whole number, got "${text}"`);
  return Number(text);
}

const rowLimit = (text: string): number => (text === 'all' ? Infinity : wholeNumber(text));
