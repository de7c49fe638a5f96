/** A run's folder as the report wants it, and the report files. */
import { join } from 'node:path';
import { dataSourceNames } from '../config/index.js';
import { bytesText } from '../core/quantities.js';
import type { Fact, Panel, ReportReference, ReportRun, ReportSample } from '../reports/report-run.js';
import { writeReport } from '../reports/write-report.js';
import type { AttemptFacts } from '../store/run-record.js';
import { RUN_FILES, type StoredRun } from '../store/run-folder.js';
import type { Sample } from './samples.js';

/**
 * Writes `report.html` into the folder of a run, finished or not.
 * @example
 * await writeRunReport(await readRun('runs/mine'));
 */
export function writeRunReport(run: StoredRun): Promise<void> {
  return writeReport([reportRun(run)], join(run.folder.path, RUN_FILES.report), { title: titleOf(run) });
}

/**
 * Writes one page that shows several runs beside each other. `names` are their column titles, e.g. DPO, MRPO.
 * @example
 * const runs = [
 * { name: 'DPO', run: await readRun('runs/dpo') },
 * { name: 'MRPO', run: await readRun('runs/mrpo') },
 * ];
 * await writeComparison(runs, 'comparison.html', { title: 'DPO and MRPO' });
 */
export function writeComparison(
  runs: readonly { readonly name: string; readonly run: StoredRun }[],
  file: string,
  options: { readonly title: string; readonly panels?: readonly Panel[] | undefined },
): Promise<void> {
  return writeReport(
    runs.map(({ name, run }) => ({ ...reportRun(run), name })),
    file,
    options,
  );
}

const titleOf = ({ config }: StoredRun): string => `${config.objective.loss} on ${lastPart(config.policy.model)}`;

/** What a report shows of a run. */
export function reportRun(run: StoredRun): ReportRun {
  const { config, record, metrics } = run;
  const { objective, policy, training } = config;
  const references = record.references ?? [];
  const evaluations = metrics.filter((line) => Object.keys(line).some((name) => name.startsWith('eval_')));
  return {
    name: objective.loss,
    status: record.status,
    reason: record.status === 'succeeded' ? undefined : record.reason,
    summary: summaryOf(run),
    metrics,
    wentOn: wentOn(run),
    before: record.evaluation?.before ?? measuresOf(evaluations.at(0)),
    // A run that ended before its second evaluation has nothing to compare with.
    after: evaluations.length > 1 ? (record.evaluation?.after ?? measuresOf(evaluations.at(-1))) : undefined,
    heldOutPairs: record.data?.heldOutPairs ?? 0,
    trainingPairs: record.data?.trainingPairs ?? 0,
    longerIsChosen:
      record.data === undefined || record.data.heldOutPairs === 0 ? undefined : record.data.longerIsChosen,
    references: references.map(({ name, model }) => ({
      name,
      model: model === 'policy' ? 'the policy before training' : model,
      ...opinionOf(run, name),
    })),
    samples: samplesOf(run),
    settings: facts({
      objective: `${objective.loss}, beta ${objective.beta}`,
      'trust region': JSON.stringify(objective.clip),
      weights: JSON.stringify(objective.weights),
      pooling: JSON.stringify(objective.pooling),
      adapter:
        policy.lora === 'off'
          ? 'none: all weights are trained'
          : `LoRA r ${policy.lora.r}, alpha ${policy.lora.alpha}, dropout ${policy.lora.dropout}`,
      policy: policy.model,
      quantization: policy.quantization,
      data: dataSourceNames(config.data.train),
      'max. length': `${config.data.max_length} tokens`,
      'learning rate': `${training.learning_rate}, ${training.lr_scheduler_type}`,
      'pairs a step': String(training.batch_size),
      epochs: String(training.epochs),
      seed: String(training.seed),
      'configuration hash': record.configHash.slice(0, 16),
    }),
    facts: machineFacts(run),
    timings: Object.entries(record.seconds).map(([label, seconds]) => ({ label, seconds })),
  };
}

function machineFacts(run: StoredRun): readonly Fact[] {
  const { record } = run;
  const { backend, training, data, machine } = record;
  const dropped = Object.entries(data?.dropped ?? {}).map(([reason, count]) => `${count} ${reason}`);
  return facts({
    steps: training && `${training.steps} of ${training.totalSteps}`,
    'trained parameters': training?.trainableParameters.toLocaleString('en-US'),
    tokens: training?.tokens.toLocaleString('en-US'),
    interruptions: interruptions(run),
    'peak memory': record.peakMemoryBytes > 0 ? bytesText(record.peakMemoryBytes) : undefined,
    'plan and fact': planAndFact(run),
    'pairs left out': dropped.length > 0 ? dropped.join('; ') : undefined,
    'pairs shortened': data && data.truncated > 0 ? String(data.truncated) : undefined,
    trackers: record.trackers
      ?.map(
        ({ name, where = 'not begun', problem }) => `${name}: ${problem === undefined ? where : `failed (${problem})`}`,
      )
      .join('; '),
    scores: record.references
      ?.map(({ name, scored, cached }) => `${name}: ${scored} scored, ${cached} from the cache`)
      .join('; '),
    device: backend && `${backend.deviceName} (${backend.device}, ${backend.threads} threads)`,
    versions:
      backend &&
      Object.entries({ mrpo: record.mrpoVersion, node: machine.node, ...backend.versions })
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
  });
}

/** Runs written before attempts were recorded have none. */
const laterAttempts = ({ record }: StoredRun): readonly AttemptFacts[] => (record.attempts ?? []).slice(1);

const wentOn = (run: StoredRun): ReportRun['wentOn'] =>
  laterAttempts(run).map(({ fromStep, startedAt, reason = 'it ended' }) => ({
    x: fromStep,
    text: `went on behind step ${fromStep} at ${startedAt.slice(0, 19).replace('T', ' ')} UTC, after: ${reason}`,
  }));

function interruptions(run: StoredRun): string | undefined {
  const later = laterAttempts(run);
  if (later.length === 0) return undefined;
  const steps = later.reduce((sum, { lostSteps }) => sum + lostSteps, 0);
  const seconds = later.reduce((sum, { lostSeconds }) => sum + lostSeconds, 0);
  return `${later.length}; ${steps} steps were done again (${seconds.toPrecision(3)} s)`;
}

/** What was planned before anything was loaded, and what came out. */
function planAndFact({ record, metrics }: StoredRun): string | undefined {
  const { plan, training, peakMemoryBytes } = record;
  const steps = metrics.flatMap(({ step_seconds }) => (typeof step_seconds === 'number' ? [step_seconds] : []));
  if (plan === undefined || training === undefined || steps.length === 0) return undefined;
  const mean = steps.reduce((sum, seconds) => sum + seconds, 0) / steps.length;
  return [
    `memory ${bytesText(plan.memoryBytes)} planned, ${bytesText(peakMemoryBytes)} used`,
    `a step ${plan.secondsPerStep.toPrecision(3)} s planned, ${mean.toPrecision(3)} s taken`,
    `${plan.microBatchTokens} tokens held at once planned, ${training.microBatchTokens} advised by the device`,
  ].join('; ');
}

const facts = (values: Readonly<Record<string, string | undefined>>): Fact[] =>
  Object.entries(values).flatMap(([label, value]) => (value === undefined ? [] : [{ label, value }]));

function summaryOf(run: StoredRun): string {
  const { config, record } = run;
  const what = `${lastPart(config.policy.model)} trained with ${config.objective.loss} against ${referencesInUse(run)}`;
  const started = record.createdAt.slice(0, 16).replace('T', ' ');
  return `${what} on ${record.data?.trainingPairs ?? 0} preference pairs; started ${started} UTC`;
}

/** DPO knows the first reference only; SimPO none. */
function referencesInUse({ config, record }: StoredRun): string {
  const names = (record.references ?? []).map(({ name }) => name);
  if (config.objective.loss === 'simpo') return 'no reference';
  return (config.objective.loss === 'dpo' ? names.slice(0, 1) : names).join(', ') || 'its references';
}

/** The measures of an evaluation's line, without their prefix. */
function measuresOf(line: Readonly<Record<string, unknown>> | undefined): Readonly<Record<string, number>> | undefined {
  if (line === undefined) return undefined;
  const entries = Object.entries(line).filter(
    (entry): entry is [string, number] => entry[0].startsWith('eval_') && typeof entry[1] === 'number',
  );
  return Object.fromEntries(entries.map(([name, value]) => [name.slice('eval_'.length), value]));
}

/** A reference's own verdict on the held-out pairs, from its log-probs. */
function opinionOf({ heldOut }: StoredRun, name: string): Pick<ReportReference, 'accuracy' | 'meanDifference'> {
  const differences = heldOut.flatMap((line) => {
    const logps = (line['references'] as Readonly<Record<string, readonly number[]>> | undefined)?.[name];
    return logps?.[0] === undefined || logps[1] === undefined ? [] : [logps[0] - logps[1]];
  });
  if (differences.length === 0) return { accuracy: undefined, meanDifference: undefined };
  return {
    accuracy: differences.filter((difference) => difference > 0).length / differences.length,
    meanDifference: differences.reduce((sum, difference) => sum + difference, 0) / differences.length,
  };
}

/** Answers of the same prompt before and after, side by side. */
function samplesOf({ samples }: StoredRun): readonly ReportSample[] {
  const all = samples as unknown as readonly Sample[];
  return all
    .filter(({ step }) => step === 0)
    .map((before) => ({
      prompt: before.prompt.map(({ content }) => content).join('\n'),
      before: before.answer,
      after: all.find(({ step, row }) => step > 0 && row === before.row)?.answer,
      chosen: before.chosen,
      rejected: before.rejected,
    }));
}

const lastPart = (path: string): string =>
  path
    .replace(/[/\\]+$/, '')
    .split(/[/\\]/)
    .at(-1) ?? path;
