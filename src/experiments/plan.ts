/** What a matrix will cost, cell by cell added up, before anything is fetched, loaded or scored. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isPolicyReference, referenceModelSpec, policyModelSpec } from '../config/models.js';
import { configHash, dataSourceNames, type RunConfig } from '../config/index.js';
import { MrpoError } from '../core/errors.js';
import { canonicalJson } from '../core/hash.js';
import { largest } from '../core/extremes.js';
import { loadData, type HubReader } from '../data/index.js';
import {
  estimateLength,
  planRun,
  readModelShape,
  type Device,
  type ModelShape,
  type PairLength,
  type Plan,
} from '../planning/index.js';
import { isRunFolder, readRun } from '../store/run-folder.js';
import { cellsOf, type Cell, type CellOptions } from './cells.js';
import type { Matrix } from './matrix.js';
import { MODEL_FACTS, SET_FACTS, type SetFacts } from './scales/facts.js';

/** The part of a plan that is one matrix. */
export interface MatrixPlan {
  readonly name: string;
  readonly title: string;
  readonly cells: number;
  /** Cells that no table before it has. */
  readonly newCells: number;
  /** Training, evaluation and scoring of those on the device. */
  readonly hours: number;
}

/** Sums over all cells; bytes and hours. */
export interface ExperimentPlan {
  readonly device: Device;
  readonly matrices: readonly MatrixPlan[];
  readonly runs: number;
  /** Of them with a finished run in the folder; counted by folders. */
  readonly finished: number;
  readonly hours: number;
  /** Of the cell that needs most, and its path. */
  readonly memory: { readonly bytes: number; readonly path: string };
  /** Runs that the device has too little memory for. */
  readonly tooLarge: number;
  /** Bytes: what is downloaded, what the runs leave, and the checkpoints of one run at work. */
  readonly disk: { readonly downloads: number; readonly results: number; readonly checkpoints: number };
  readonly downloads: readonly { readonly name: string; readonly bytes: number; readonly gated: boolean }[];
  /** What the numbers rest on, and what could not be planned. */
  readonly notes: readonly string[];
}

/** Which cells, and for which device. */
export interface ExperimentPlanOptions extends CellOptions {
  readonly device: Device;
  readonly out: string;
  /** Reads rows of the hub for sets that nothing is known of. */
  readonly hub: HubReader;
}

interface Lengths {
  readonly train: readonly PairLength[];
  readonly held: readonly PairLength[];
  readonly guessed: boolean;
}

/** @throws MrpoError `config` for a cell that is not valid, `model` or `data` for one that nothing is known of. */
export async function planExperiment(
  matrices: readonly Matrix[],
  options: ExperimentPlanOptions,
): Promise<ExperimentPlan> {
  const known = new Map<string, Cell>();
  const costed = new Map<string, Promise<Plan>>();
  const scored = new Set<string>();
  const lengths = new Map<string, Promise<Lengths>>();
  const downloads = new Map<string, { bytes: number; gated: boolean }>();
  const plans: { readonly cell: Cell; readonly plan: Plan }[] = [];
  const parts: MatrixPlan[] = [];
  let guessed = false;
  for (const matrix of matrices) {
    const cells = cellsOf(matrix, options);
    let [hours, newCells] = [0, 0];
    for (const cell of cells) {
      const { config } = cell.config;
      const hash = configHash(config);
      if (known.has(hash)) continue;
      known.set(hash, cell);
      // Seeds and objectives change nothing of the cost, and sets of 180,000 pairs take a moment.
      const { seed, ...training } = config.training;
      const data = canonicalJson([config.data, factsOf(config) === undefined ? seed : undefined]);
      const found = await once(lengths, data, () => lengthsOf(config, options));
      guessed ||= found.guessed;
      const costs = canonicalJson([config.policy, config.references, training, data]);
      const plan = await once(costed, costs, async () => planOf(config, found, options.device));
      for (const { name, bytes, gated } of downloadsOf(config)) downloads.set(name, { bytes, gated });
      newCells += 1;
      hours += (plan.trainingSeconds + plan.evaluationSeconds + scoringSeconds(config, plan, scored)) / 3600;
      plans.push({ cell, plan });
    }
    parts.push({ name: matrix.name, title: matrix.title, cells: cells.length, newCells, hours });
  }
  if (plans.length === 0) throw new MrpoError('usage', 'there is no such cell: nothing to plan');
  const heaviest = plans.reduce(
    (most, next) => (next.plan.memory.total > most.plan.memory.total ? next : most),
    plans[0]!,
  );
  return {
    device: options.device,
    matrices: parts,
    runs: plans.length,
    finished: await finishedIn(options.out),
    hours: parts.reduce((sum, part) => sum + part.hours, 0),
    memory: { bytes: heaviest.plan.memory.total, path: heaviest.cell.path },
    tooLarge: plans.filter(({ plan }) => !plan.fits).length,
    disk: {
      downloads: [...downloads.values()].reduce((sum, { bytes }) => sum + bytes, 0),
      results: plans.reduce((sum, next) => sum + resultBytes(next), 0),
      checkpoints: largest(plans.map(checkpointBytes), 0),
    },
    downloads: [...downloads].map(([name, facts]) => ({ name, ...facts })),
    notes: [
      options.device.basis,
      ...(guessed
        ? ['lengths of pairs that are not on this machine are guesses (src/experiments/scales/facts.ts)']
        : []),
      'loading, tokenising and export are not counted: plan for 1.5 to 2 times the hours',
      "tasks of language understanding (Tables 3, 4 and 8) come on top: about 0.4 h a 7B model on an A100 without examples, 1.8 h with the leaderboard's",
    ],
  };
}

function planOf(config: RunConfig, { train, held }: Lengths, device: Device): Plan {
  return planRun({
    config,
    policy: shapeOf(config.policy.model),
    references: config.references.map((reference) =>
      isPolicyReference(reference) ? undefined : shapeOf(reference.model),
    ),
    train,
    held,
    device,
  });
}

const shapeOf = (source: string): ModelShape => MODEL_FACTS[source]?.shape ?? readModelShape(source);

/** A model scores a set of pairs once, whatever cells ask for it. */
function scoringSeconds(config: RunConfig, { scoring }: Plan, scored: Set<string>): number {
  return config.references.reduce((sum, reference, k) => {
    const spec = isPolicyReference(reference) ? policyModelSpec(config) : referenceModelSpec(config, reference);
    const name = canonicalJson([spec, config.data]);
    if (scored.has(name)) return sum;
    scored.add(name);
    return sum + (scoring[k]?.seconds ?? 0);
  }, 0);
}

async function lengthsOf(config: RunConfig, { hub }: ExperimentPlanOptions): Promise<Lengths> {
  const facts = factsOf(config);
  if (facts !== undefined) {
    const limit = config.data.limit ?? Infinity;
    const held = Math.min(facts.held, limit / 10);
    return {
      train: Array.from({ length: Math.floor(Math.min(facts.train, limit - held)) }, () => facts.mean),
      held: Array.from({ length: Math.floor(held) }, () => facts.mean),
      guessed: true,
    };
  }
  const { train, eval: held } = await loadData(config.data, { seed: config.training.seed, hub });
  const estimate = (pairs: typeof train): PairLength[] =>
    pairs.map((pair) => estimateLength(pair, config.data.max_length));
  return { train: estimate(train), held: estimate(held), guessed: false };
}

function downloadsOf(config: RunConfig): { name: string; bytes: number; gated: boolean }[] {
  const models = [config.policy, ...config.references].flatMap(({ model }) => {
    const facts = MODEL_FACTS[model];
    return facts === undefined ? [] : [{ name: model, bytes: facts.download, gated: facts.gated === true }];
  });
  const name = dataSourceNames(config.data.train);
  const facts = factsOf(config);
  return facts === undefined ? models : [...models, { name, bytes: facts.download, gated: false }];
}

/** Adapters are float32; full fine-tuning leaves the model in its own format. */
const resultBytes = ({ cell, plan }: { readonly cell: Cell; readonly plan: Plan }): number =>
  cell.config.config.policy.lora === 'off' ? plan.memory.weights : 4 * plan.trainableWeights;

/** Three at most are there at once: those that are kept, and the one being written. */
const checkpointBytes = (one: { readonly cell: Cell; readonly plan: Plan }): number => {
  const { training } = one.cell.config.config;
  const kept = training.save_steps === 'off' ? 0 : training.save_total_limit + 1;
  return kept * (resultBytes(one) + one.plan.memory.gradientsAndOptimizer);
};

async function finishedIn(out: string): Promise<number> {
  const names = await readdir(join(out, 'cells')).catch(() => []);
  const finished = await Promise.all(
    names.map(async (name) => {
      const path = join(out, 'cells', name);
      return (await isRunFolder(path)) && (await readRun(path)).record.status === 'succeeded';
    }),
  );
  return finished.filter(Boolean).length;
}

function once<T>(known: Map<string, Promise<T>>, name: string, find: () => Promise<T>): Promise<T> {
  const found = known.get(name) ?? find();
  known.set(name, found);
  return found;
}

/** What is known of a data set of the hub. */
function factsOf({ data }: RunConfig): SetFacts | undefined {
  const name = dataSourceNames(data.train);
  return Object.entries(SET_FACTS).find(([end]) => name.endsWith(end))?.[1];
}
