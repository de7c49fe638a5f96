/** `mrpo explain`: the loss of given log-probs, step by step; how a number is checked by hand. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig, type LoadedConfig } from '../../config/index.js';
import { MrpoError } from '../../core/errors.js';
import { createObjective, explainRow, metricsOf, type Metrics } from '../../objectives/index.js';
import { printJson, type CliIo } from '../command.js';
import { addObjectiveFlags, objectiveAssignments, type ObjectiveFlags } from '../explain/objective-flags.js';
import { PAIR_EXAMPLE, readExplainPairs } from '../explain/read-pairs.js';
import { pairBlock, summaryLine } from '../explain/table.js';

type ExplainOptions = ObjectiveFlags & {
  readonly config?: string;
  readonly set: readonly string[];
  readonly json?: boolean;
};

const HELP = `
Each line of the input is a pair with its log-probs in nats, [chosen, rejected]; "tokens" and "bytes" are needed
only where the objective divides by them:
  ${PAIR_EXAMPLE}

With --json each pair becomes one line with the keys epsilon, clipped, weights, virtual, margin, loss, gradient.
VDW and VAW take their weights from the pairs given; SWCW and TSW show their first step.

Examples:
  $ echo '${PAIR_EXAMPLE}' | npx mrpo explain
  $ npx mrpo explain pairs.jsonl --loss mrpo --pooling geometric --clip fixed:0.05 --json
  $ npx mrpo explain pairs.jsonl --config run.yaml
`;

/** Adds `mrpo explain`: one block of text, or one line of JSON, per pair. */
export function registerExplain(program: Command, io: CliIo): void {
  const command = program
    .command('explain')
    .description(
      'the loss of given log-probs, step by step: epsilon, clipping, weights, virtual reference, margin, gradient',
    )
    .argument('[file]', 'JSON lines, or - for standard input', '-')
    .option(
      '--config <file>',
      'take objective: from a configuration (that section alone is enough); flags win over it',
    );
  addObjectiveFlags(command)
    .option(
      '--set <key=value>',
      'any key of the configuration, e.g. objective.beta=0.2; repeatable',
      (value, all: string[]) => [...all, value],
      [],
    )
    .option('--json', 'print one JSON object a pair')
    .addHelpText('after', HELP)
    .action((file: string, options: ExplainOptions) => explain(io, file, options));
}

async function explain(io: CliIo, file: string, options: ExplainOptions): Promise<void> {
  const batch = readExplainPairs(await readText(io, file), file === '-' ? 'standard input' : file);
  const { config, baseDir } = objectiveOf(io, options, batch.references.length);
  const objective = await createObjective(config.objective, { references: batch.references.length, baseDir });
  objective.fit?.(batch);
  const result = objective.evaluate(batch);
  for (let row = 0; row < batch.size; row++) {
    const explained = explainRow(result, row);
    if (options.json === true) printJson(io, explained);
    else io.out(`${pairBlock(batch, row, explained)}\n`);
  }
  if (options.json === true) return;
  const metrics = metricsOf(batch, result, []);
  io.out(`${summaryLine(objective.name, batch.size, metrics, clipShareOf(metrics, result.weights.length))}\n`);
}

/** Share of further references' responses that were clipped; the first is never clipped. */
function clipShareOf(metrics: Metrics, references: number): number | undefined {
  if (references === 0) return undefined;
  const further = Array.from({ length: references - 1 }, (_, k) => metrics[`references/${k + 2}/clip_share`] ?? 0);
  return further.reduce((sum, share) => sum + share, 0) / Math.max(1, further.length);
}

async function readText(io: CliIo, file: string): Promise<string> {
  if (file === '-') return io.readStdin();
  try {
    return readFileSync(resolve(io.cwd, file), 'utf8');
  } catch (cause) {
    throw new MrpoError('data', `${file}: cannot be read: ${(cause as Error).message}`, {
      cause,
      hint: 'Give a file of JSON lines, or - for standard input.',
    });
  }
}

/** The configuration with what an objective does not need filled in, so that `objective:` alone is enough. */
function objectiveOf(io: CliIo, options: ExplainOptions, references: number): LoadedConfig {
  const models = Array.from({ length: Math.max(1, references) }, (_, k) =>
    k === 0 ? { model: 'policy' } : { model: `reference-${k + 1}` },
  );
  return loadConfig({
    ...(options.config === undefined ? { text: '' } : { file: options.config }),
    set: [
      'policy={"model": "given"}',
      'data={"train": "given"}',
      `references=${JSON.stringify(models)}`,
      ...objectiveAssignments(options),
      ...options.set,
    ],
    env: io.env,
    cwd: io.cwd,
  });
}
