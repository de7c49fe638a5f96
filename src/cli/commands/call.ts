/** `mrpo call`: any method of a running backend, by hand. */
import type { Command } from 'commander';
import { callMethod } from '../../backend/dynamic/call.js';
import { loadService } from '../../backend/dynamic/schema.js';
import { credentialsFrom } from '../../backend/open.js';
import { MrpoError } from '../../core/errors.js';
import { printJson, type CliIo } from '../command.js';

interface CallOptions {
  readonly backend?: string;
  readonly list?: boolean;
  /** Answers are JSON with or without it. */
  readonly json?: boolean;
}

/** Adds `mrpo call`: JSON in, one line of JSON per answer out. */
export function registerCall(program: Command, io: CliIo): void {
  program
    .command('call')
    .description('call any method of a running backend; each answer is one line of JSON')
    .argument('[method]', 'name from --list')
    .argument(
      '[request]',
      'JSON object, or an array of them for a method that takes a stream; - reads standard input',
      '{}',
    )
    .option('--backend <address>', 'unix:/path or host:port (default: MRPO_BACKEND)')
    .option('--list', 'show the methods with the fields of their requests')
    .option('--json', 'answers are JSON anyway; with --list, one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  $ npx mrpo call --list
  $ npx mrpo call GetServerInfo --backend 127.0.0.1:50051
  $ npx mrpo call LoadModel '{"model": {"source": "./models/base"}}'

Field names are those of proto/mrpo/backend/v1/backend.proto.
`,
    )
    .action((method: string | undefined, request: string, options: CallOptions) =>
      runCall(method, request, options, io),
    );
}

async function runCall(method: string | undefined, request: string, options: CallOptions, io: CliIo): Promise<void> {
  if (options.list === true) return listMethods(options, io);
  if (method === undefined) throw new MrpoError('usage', 'call: which method?', { hint: 'See "mrpo call --list".' });
  const requests = parseRequests(request === '-' ? await io.readStdin() : request);
  loadService().method(method); // a wrong name is said before a missing address
  const address = options.backend ?? io.env['MRPO_BACKEND'];
  if (address === undefined || address === '') {
    throw new MrpoError('usage', 'call: no backend to call', {
      hint: 'Start one with "mrpo backend", then give its address with --backend or MRPO_BACKEND.',
    });
  }
  const call = { address, ...credentialsFrom(io.env), signal: io.signal };
  for await (const answer of callMethod(method, requests, call)) printJson(io, answer);
}

function listMethods(options: CallOptions, io: CliIo): void {
  const service = loadService();
  const signatures = Object.fromEntries(Object.keys(service.methods).map((name) => [name, service.signature(name)]));
  if (options.json === true) printJson(io, { methods: signatures });
  else io.out(`${Object.values(signatures).join('\n')}\n`);
}

function parseRequests(text: string): readonly object[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MrpoError('usage', `request: got ${JSON.stringify(text.slice(0, 80))}, expected JSON`, { cause });
  }
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.map((item) => {
    if (typeof item === 'object' && item !== null) return item;
    throw new MrpoError('usage', `request: got ${JSON.stringify(item)}, expected an object`);
  });
}
