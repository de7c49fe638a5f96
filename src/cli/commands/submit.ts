/** `mrpo submit`: orders a run from a service. */
import type { Command } from 'commander';
import { MrpoError } from '../../core/errors.js';
import { loadConfig } from '../../config/index.js';
import { isLocal, parseAddress } from '../../rpc/address.js';
import type { ServiceRun } from '../../service/client/values.js';
import { collect, printJson, type CliIo } from '../command.js';
import { watchToEnd } from '../runs/watch.js';
import { labelOf, openService, runArgument, serviceAddress } from '../service-client.js';
import { sendingTo, specToSend } from '../spec-to-send.js';

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
    .option('--validate-only', 'only check: the settings, and whether the files that they name are there')
    .option('--watch', 'follow the run to its end')
    .option(
      '--json',
      'print one JSON object: the run, with --validate-only the checked settings; with --watch one an event',
    )
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
  if (options.watch === true && options.validateOnly === true)
    throw new MrpoError('usage', '--watch: with --validate-only nothing is ordered that could be followed');
  const { config } = loadConfig({ file, set: options.set, env: io.env, cwd: io.cwd });
  await using service = openService(io, options.service);
  const address = serviceAddress(io, options.service) ?? '';
  const elsewhere = !isLocal(parseAddress(address));
  const spec = await specToSend(config, (options.upload ?? elsewhere) ? sendingTo(service, io) : undefined);
  const { run, existed, warnings } = await service.create(spec, {
    id: options.id,
    labels: Object.fromEntries(options.label.map(labelOf)),
    priority: priorityOf(options.priority),
    validateOnly: options.validateOnly,
  });
  if (options.watch === true) io.note(`run ${run.id}\n`);
  for (const warning of warnings) io.note(`note: ${warning}\n`);
  if (existed)
    io.note(`it was ordered before: this is that run${stoppedText(run, runArgument(io, { address, id: run.id }))}\n`);
  // Awaited: the connection closes behind it.
  if (options.watch === true) return await watchToEnd(service, { address, id: run.id }, 0, options.json === true, io);
  const { validateOnly = false, json = false } = options;
  // Nothing was ordered: there is no id, state or folder to tell of.
  if (validateOnly && json) printJson(io, { valid: true, warnings, spec: run.spec, resolvedSpec: run.resolvedSpec });
  else if (validateOnly) io.out('valid\n');
  else if (json) printJson(io, { ...run, existed });
  else io.out(`${run.id}\n`);
}

/** Of a run that does not go on by itself: an order does not start it again. */
function stoppedText({ state, reason }: ServiceRun, named: string): string {
  if (!['PAUSED', 'CANCELLED', 'FAILED'].includes(state)) return '';
  return `, which is ${state}${reason === '' ? '' : ` (${reason})`}; go on with it: mrpo runs resume ${named}`;
}

function priorityOf(text: string): number {
  const priority = Number(text);
  if (text.trim() !== '' && Number.isInteger(priority) && Math.abs(priority) <= 100) return priority;
  throw new MrpoError('usage', `--priority: got "${text}", expected a whole number from -100 to 100`);
}
