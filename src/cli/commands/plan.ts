/** `mrpo plan`: memory and time of a run, before anything is loaded. */
import { Option, type Command } from 'commander';
import { loadConfig, type RunConfig } from '../../config/index.js';
import { loadData, type HubReader } from '../../data/index.js';
import { BYTES_PER_TOKEN, DEVICES, planConfig, type Plan } from '../../planning/index.js';
import { collect, printJson, type CliIo } from '../command.js';
import { lazyBackend } from '../lazy-backend.js';
import { planText } from '../plan-text.js';

interface PlanOptions {
  readonly set: readonly string[];
  readonly device?: string;
  readonly json?: boolean;
}

/** Adds `mrpo plan`; loads no model. */
export function registerPlan(program: Command, io: CliIo): void {
  program
    .command('plan')
    .description('memory by part, micro-batches, time per step and per run, from config.json and text lengths alone')
    .argument('<config>', 'configuration file (YAML or JSON)')
    .addOption(
      new Option('--device <name>', 'plan for this accelerator instead of this machine').choices(Object.keys(DEVICES)),
    )
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
      const plan = await planFor(config, options.device, io);
      if (options.json === true) printJson(io, plan);
      else io.out(planText(plan, config));
    });
}

async function planFor(config: RunConfig, device: string | undefined, io: CliIo): Promise<Plan> {
  // Only rows of a hub: source need a backend; no model is loaded there either.
  const backend = lazyBackend(io, undefined);
  const hub: HubReader = async function* (dataset, part) {
    yield* (await backend.open()).readDataset(dataset, { signal: io.signal, ...part });
  };
  const data = await loadData(config.data, { seed: config.training.seed, signal: io.signal, hub }).finally(() =>
    backend.close(),
  );
  const known = device === undefined ? undefined : DEVICES[device];
  return planConfig(config, { train: data.train, held: data.eval }, known, io.env);
}
