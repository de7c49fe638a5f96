/** `mrpo submit`: orders a run from a service. */
import { existsSync, statSync } from 'node:fs';
import type { Command } from 'commander';
import { loadConfig, type RunConfig, type RunConfigInput } from '../../config/index.js';
import { isLocal, parseAddress } from '../../rpc/address.js';
import type { RunsClient } from '../../service/client/connect.js';
import { collect, printJson, type CliIo } from '../command.js';
import { labelOf, openService, serviceAddress } from '../service-client.js';
import { watchToEnd } from './runs.js';

interface SubmitOptions {
  readonly set: readonly string[];
  readonly service?: string;
  readonly id?: string;
  readonly label: readonly string[];
  readonly priority: string;
  readonly upload?: boolean;
  readonly validateOnly?: boolean;
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** Adds the command. */
export function registerSubmit(program: Command, io: CliIo): void {
  program
    .command('submit')
    .description('order a run from a service (mrpo serve); it waits there for a backend')
    .argument('<config>', 'configuration file (YAML or JSON); its "output" is the service\'s to choose')
    .option('--set <key=value>', 'override a setting; may be given again', collect, [])
    .option('--service <address>', 'host:port or unix:/path (default: MRPO_SERVICE)')
    .option('--id <id>', 'the same id and configuration twice are one run (default: a new one)')
    .option('--label <key=value>', 'to find the run by; may be given again', collect, [])
    .option('--priority <number>', '-100 to 100, higher starts earlier', '0')
    .option('--upload', 'send the preference files too (default: where the service is on another machine)')
    .option('--validate-only', 'only check')
    .option('--watch', 'follow the run to its end')
    .option('--json', 'print one JSON object with the run')
    .addHelpText(
      'after',
      `
Examples:
  $ npx mrpo submit my-run.yaml --service 127.0.0.1:50060 --watch
  $ npx mrpo submit my-run.yaml --id nightly-7 --label team=a --set training.learning_rate=5e-6
`,
    )
    .action((file: string, options: SubmitOptions) => submit(file, options, io));
}

async function submit(file: string, options: SubmitOptions, io: CliIo): Promise<void> {
  const { config } = loadConfig({ file, set: options.set, env: io.env, cwd: io.cwd });
  await using service = openService(io, options.service);
  const elsewhere = !isLocal(parseAddress(serviceAddress(io, options.service) ?? ''));
  const spec = await toSend(config, (options.upload ?? elsewhere) ? service : undefined, io);
  const { run, existed, warnings } = await service.create(spec, {
    id: options.id,
    labels: Object.fromEntries(options.label.map(labelOf)),
    priority: Number(options.priority),
    validateOnly: options.validateOnly,
  });
  for (const warning of warnings) io.note(`note: ${warning}\n`);
  if (options.watch === true && options.validateOnly !== true)
    return watchToEnd(service, run.id, 0, options.json === true, io);
  if (options.json === true) printJson(io, { ...run, existed });
  else if (options.validateOnly === true) io.out('valid\n');
  else io.out(`${run.id}\n`);
  if (existed) io.note('it was ordered before: this is that run\n');
}

type Source = string | { readonly path: string };

/** The configuration without its folder; with a service, its files are sent there. */
async function toSend(config: RunConfig, service: RunsClient | undefined, io: CliIo): Promise<RunConfigInput> {
  const { output, $schema: _, data, ...rest } = config;
  const trackers = typeof output === 'string' ? {} : { output: { report_to: output.report_to } };
  if (service === undefined) return { ...rest, data, ...trackers };
  const sent = async (path: string): Promise<string> => {
    if (path.startsWith('hub:') || !existsSync(path) || !statSync(path).isFile()) return path;
    io.note(`sending ${path}\n`);
    return service.upload(path);
  };
  const source = async <T extends Source>(entry: T): Promise<T> =>
    (typeof entry === 'string' ? await sent(entry) : { ...(entry as object), path: await sent(entry.path) }) as T;
  const all = async <T extends Source>(entries: T | T[]): Promise<T | T[]> =>
    Array.isArray(entries) ? Promise.all(entries.map(source)) : source(entries);
  const located = {
    train: await all(data.train),
    eval: typeof data.eval === 'number' ? data.eval : await all(data.eval),
  };
  return { ...rest, data: { ...data, ...located }, ...trackers };
}
