/** From `objective:` of a configuration to an {@link Objective}. */
import { MrpoError } from '../core/errors.js';
import { objectiveProblems } from '../config/objective-rules.js';
import { formatPath } from '../config/path.js';
import type { ObjectiveConfig } from '../config/schema.js';
import type { Unit } from '../math/normalization.js';
import { createAlphaDpoStage, type StatefulLoss } from './alpha-dpo-stage.js';
import { referencesInUnit, viewBatch, type BatchView } from './batch-view.js';
import { checkBatch, checkReferences } from './check-batch.js';
import { customStage, loadCustomLoss, type CustomLoss } from './custom-loss.js';
import {
  createLink,
  forwardKlStage,
  hypoStage,
  logRatioStage,
  multiDpoStage,
  simpoStage,
  type LossStage,
} from './loss-stage.js';
import { objectiveName } from './objective-name.js';
import type { Objective, PairBatch } from './objective.js';
import { assembleResult } from './result.js';
import { firstReference, poolingPower, virtualReference, type VirtualReference } from './virtual-reference.js';
import type { Weighting, WeightingView } from './weighting.js';
import { createWeighting, weightsUnit } from './weightings/create-weighting.js';
import { member } from './weightings/state.js';

/** What an objective has to know besides its configuration. */
export interface ObjectiveContext {
  /** Number of reference models, at least 1 (SimPO: any). */
  readonly references: number;
  /** Folder that `objective.module` is relative to. Default: the working directory. */
  readonly baseDir?: string | undefined;
  /** For `loss: custom`, in place of `objective.module`. */
  readonly customLoss?: CustomLoss | undefined;
}

/**
 * Makes the objective. Only reads a file for `loss: custom` by path.
 * @example
 * const { config } = loadConfig({ file: 'my-run.yaml' });
 * const objective = await createObjective(config.objective, { references: config.references.length });
 * const column = (logp: number, tokens: number) => ({ logps: Float64Array.of(logp), tokens: Float64Array.of(tokens) });
 * const model = (chosen: number, rejected: number) => ({ chosen: column(chosen, 40), rejected: column(rejected, 50) });
 * const { losses, gradients } = objective.evaluate({
 * size: 1, // one pair; log-probs in nats, summed over 40 and 50 response tokens
 * policy: model(-100, -120),
 * references: [model(-105, -118), model(-110, -119)],
 * bytes: { chosen: Float64Array.of(160), rejected: Float64Array.of(200) },
 * });
 * console.log(losses[0], gradients.chosen[0]); // dL/dlogp of the chosen response
 * @throws MrpoError `config` for settings that contradict each other, naming the key.
 */
export async function createObjective(config: ObjectiveConfig, context: ObjectiveContext): Promise<Objective> {
  checkRules(config, context);
  const custom = config.loss === 'custom' ? (context.customLoss ?? (await moduleLoss(config, context))) : undefined;
  switch (config.loss) {
    case 'simpo':
      return referenceFree(config);
    case 'dpo':
      return dpo(config);
    default:
      return multiReference(config, context.references, custom);
  }
}

/** SimPO: policy only, per token by definition (per byte where asked for). */
function referenceFree(config: ObjectiveConfig): Objective {
  const stage = simpoStage(config.beta, config.gamma, createLink(config));
  const unit = lengthNormalized(config.normalization);
  return {
    name: objectiveName(config),
    references: undefined,
    evaluate: (batch) => {
      checkBatch(batch, batch.references.length);
      const view = viewBatch({ ...batch, references: [] }, unit);
      return assembleResult(view, undefined, stage);
    },
  };
}

/** DPO: the first reference; whatever others a batch brings have weight 0. */
function dpo(config: ObjectiveConfig): Objective {
  const stage = logRatioStage(config.beta, createLink(config));
  return {
    name: objectiveName(config),
    references: undefined,
    evaluate: (batch) => {
      checkBatch(batch, Math.max(1, batch.references.length));
      const view = viewBatch(batch, config.normalization);
      return assembleResult(view, firstReference(view), stage);
    },
  };
}

/** Every loss that uses all references: weights, trust region, pooling, then the method's own stage. */
function multiReference(config: ObjectiveConfig, references: number, custom: CustomLoss | undefined): Objective {
  const unit = config.loss === 'alpha-dpo' ? lengthNormalized(config.normalization) : config.normalization;
  const weighting = createWeighting(config, references);
  const compared = weightsUnit(config, unit);
  const power = config.loss === 'forward-kl' ? 1 : poolingPower(config.pooling);
  const reference = (view: BatchView, weights: Weighting): VirtualReference =>
    virtualReference(view, weights.columns(weightingView(view.batch, compared)), {
      clip: config.clip,
      official_code: config.official_code,
      power,
    });
  const alphaDpo = config.loss === 'alpha-dpo' ? createAlphaDpoStage(config, createLink(config)) : undefined;
  const stage = alphaDpo?.stage ?? stageOf(config, custom);
  return {
    name: objectiveName(config),
    references,
    evaluate: (batch) => {
      checkBatch(batch, references);
      const view = viewBatch(batch, unit);
      return assembleResult(view, reference(view, weighting), stage);
    },
    ...hooks(
      weighting,
      references,
      compared,
      alphaDpo &&
        ((batch) => {
          const view = viewBatch(batch, unit);
          alphaDpo.observe(view, reference(view, weighting));
        }),
    ),
    ...stateOf(weighting, alphaDpo),
  };
}

function stageOf(config: ObjectiveConfig, custom: CustomLoss | undefined): LossStage {
  if (custom !== undefined) return customStage(custom, config);
  const link = createLink(config);
  switch (config.loss) {
    case 'multi-dpo':
      return multiDpoStage(config.beta, link);
    case 'forward-kl':
      return forwardKlStage(config.beta, link);
    case 'hypo':
      return hypoStage(config.beta, link);
    default:
      return logRatioStage(config.beta, link);
  }
}

/** The learning hooks this objective needs, and only those. */
function hooks(
  weighting: Weighting,
  references: number,
  compared: Unit,
  observeLoss: ((batch: PairBatch) => void) | undefined,
): Pick<Objective, 'fit' | 'observe' | 'reward'> {
  const { fit, observe, reward } = weighting;
  return {
    ...(fit && {
      fit: (batch: PairBatch) => {
        checkReferences(batch, references);
        fit(weightingView(batch, compared));
      },
    }),
    ...((observe ?? observeLoss) && {
      observe: (batch: PairBatch) => {
        checkBatch(batch, references);
        observeLoss?.(batch); // before the weights move on: it belongs to the weights the step was taken with
        observe?.(weightingView(batch, compared));
      },
    }),
    ...(reward && { reward }),
  };
}

/** State of the weighting and of the loss, one key each. */
function stateOf(weighting: Weighting, loss: StatefulLoss | undefined): Pick<Objective, 'state' | 'restore'> {
  const parts = { ...(weighting.state && { weighting }), ...(loss && { loss }) };
  if (Object.keys(parts).length === 0) return {};
  return {
    state: () => Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, part.state?.()])),
    restore: (state) => {
      for (const [name, part] of Object.entries(parts)) part.restore?.(member(state, name));
    },
  };
}

function weightingView(batch: PairBatch, unit: Unit): WeightingView {
  const references = referencesInUnit(batch, unit);
  return {
    size: batch.size,
    chosen: references.map(({ chosen }) => chosen),
    rejected: references.map(({ rejected }) => rejected),
    positions: batch.positions,
  };
}

/** SimPO and AlphaDPO are defined on log-probs per token; `normalization: byte` asks for bytes in their place. */
function lengthNormalized(unit: Unit): Unit {
  return unit === 'byte' ? 'byte' : 'token';
}

/** @throws MrpoError `config` for the first rule that is broken. */
function checkRules(config: ObjectiveConfig, { references, customLoss }: ObjectiveContext): void {
  const given = config.loss === 'custom' && customLoss !== undefined ? { ...config, module: 'given' } : config;
  const [problem] = objectiveProblems(given, references);
  if (problem !== undefined) throw new MrpoError('config', `${formatPath(problem.path)}: ${problem.message}`);
}

const moduleLoss = (config: ObjectiveConfig, { baseDir }: ObjectiveContext): Promise<CustomLoss> =>
  loadCustomLoss(config.module ?? '', baseDir ?? process.cwd());
