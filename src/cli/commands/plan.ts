/** `mrpo plan`: memory and time of a run, before anything is loaded. */
import { Option, type Command } from 'commander';
import { isPolicyReference, loadConfig, type RunConfig } from '../../config/index.js';
import { loadData, type HubReader } from '../../data/index.js';
import { BYTES_PER_TOKEN, DEVICES, estimateLength, planRun, readModelShape, thisMachine, type Plan } from '../../planning/index.js';
import { collect, printJson, type CliIo } from '../command.js';
import { lazyBackend } from '../lazy-backend.js';
import { planText } from '../plan-text.js';

interface PlanOptions {
  readonly set: readonly string[];
  readonly device?: string;
  readonly json?: boolean;
}

export function registerPlan(program: Command, io: CliIo): void {
  program
    .command('plan')
    .description('memory by part, micro-batches, time per step and per run, from config.json and text lengths alone')
    .argument('<config>', 'configuration file (YAML or JSON)')
    .addOption(new Option('--device <name>', 'plan for this accelerator instead of this machine').choices(Object.keys(DEVICES)))
    .option('--set <key=value>', 'override a setting; may be given again', collect, [])
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Nothing is loaded and no weight is read. Tokens are estimated: ${BYTES_PER_TOKEN} UTF-8 bytes each, and a few for the chat template.

Examples:
  $ npx mrpo plan my-run.yaml
  $ npx mrpo plan my-run.yaml --device A100-80 --set policy.quantization=nf4
`,
    )
    .action(async (file: string, options: PlanOptions) => {
      const { config } = loadConfig({ file, set: options.set, env: io.env, cwd: io.cwd });
      const plan = await planConfig(config, options.device, io);
      if (options.json === true) printJson(io, plan);
      else io.out(planText(plan, config));
    });
}

async function planConfig(config: RunConfig, device: string | undefined, io: CliIo): Promise<Plan> {
  const policy = readModelShape(config.policy.model, io.env);
  const references = config.references.map((reference) =>
    isPolicyReference(reference) ? undefined : readModelShape(reference.model, io.env),
  );
  // Only rows of a hub: source need a backend; no model is loaded there either.
  const backend = lazyBackend(io, undefined);
  const hub: HubReader = async function* (dataset, { split }) {
    yield* (await backend.open()).readDataset(dataset, { signal: io.signal, ...(split === undefined ? {} : { split }) });
  };
  const data = await loadData(config.data, { seed: config.training.seed, signal: io.signal, hub }).finally(() => backend.close());
  const lengths = (pairs: typeof data.train) => pairs.map((pair) => estimateLength(pair, config.data.max_length));
  return planRun({
    config,
    policy,
    references,
    train: lengths(data.train),
    held: lengths(data.eval),
    device: device === undefined ? thisMachine() : DEVICES[device],
  });
}
