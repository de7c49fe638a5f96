/** Rules between keys, which no single key can show: each returns the problems it finds. */
import { isPolicyReference, referenceName } from './models.js';
import { objectiveProblems, unreadSettings, type CheckProblem } from './objective-rules.js';
import type { ConfigPath } from './path.js';
import { objectiveSchema, type RunConfig } from './schema.js';

/** Everything that contradicts itself in a configuration whose keys are each valid. */
export function crossFieldProblems(config: RunConfig): CheckProblem[] {
  return [
    ...referenceNames(config),
    ...models(config),
    ...policyReferences(config),
    ...objectiveProblems(config.objective, config.references.length),
    ...dataSettings(config),
    ...checkpoints(config),
  ];
}

/** What is allowed and probably not meant. */
export function configWarnings(config: RunConfig): string[] {
  const { objective, references } = config;
  const first = references[0];
  const warnings: string[] = [];
  if (first !== undefined && !isPolicyReference(first)) {
    warnings.push(
      `references[0] (${referenceName(first)}) is not the policy: margins do not start at 0, and CTRO clips around ${referenceName(first)}.`,
    );
  }
  if (objective.loss === 'dpo' && references.length > 1) {
    warnings.push(
      `objective.loss dpo trains against ${referenceName(first ?? { model: 'policy' })} only; the other references are scored for the reports.`,
    );
  }
  if (objective.normalization !== 'sum' && objective.beta <= 0.5) {
    warnings.push(
      `objective.beta ${objective.beta} is small for log-probs per ${objective.normalization}; 2 to 10 is usual there.`,
    );
  }
  const unread = unreadSettings(objective, objectiveSchema.parse({}));
  if (unread.length > 0) {
    warnings.push(
      `objective.${unread.join(', objective.')}: set, and not read by loss ${objective.loss}; leave out what was meant for another loss.`,
    );
  }
  return warnings;
}

function referenceNames(config: RunConfig): CheckProblem[] {
  const firstWith = new Map<string, number>();
  return config.references.flatMap((reference, index) => {
    const name = referenceName(reference);
    const earlier = firstWith.get(name);
    if (earlier === undefined) {
      firstWith.set(name, index);
      return [];
    }
    return [
      {
        path: ['references', index],
        message: `its name ${JSON.stringify(name)} is already that of references[${earlier}]; give it a name of its own`,
      },
    ];
  });
}

function models(config: RunConfig): CheckProblem[] {
  const entries = [
    { path: ['policy'] as ConfigPath, model: config.policy },
    ...config.references.map((model, index) => ({ path: ['references', index] as ConfigPath, model })),
  ].filter(({ path, model }) => path[0] === 'policy' || model.model !== 'policy');
  const problems: CheckProblem[] = entries.flatMap(({ path, model }) => {
    const isGguf = /\.gguf$/i.test(model.model);
    if (isGguf && model.quantization !== 'none') {
      return [
        {
          path: [...path, 'quantization'],
          message: `expected none for a .gguf file (its weights are unpacked when read), got ${model.quantization}`,
        },
      ];
    }
    if (model.revision !== undefined && (isGguf || /^[./~]/.test(model.model))) {
      return [{ path: [...path, 'revision'], message: 'is for hub ids; this model is a path' }];
    }
    return [];
  });
  if (config.policy.model === 'policy') {
    problems.push({
      path: ['policy', 'model'],
      message: 'expected a folder, hub id or .gguf file; "policy" names it among the references',
    });
  }
  if (config.policy.lora === 'off' && config.policy.quantization !== 'none') {
    problems.push({
      path: ['policy', 'lora'],
      message: `full fine-tuning (off) needs quantization: none, got ${config.policy.quantization}: quantised weights cannot be trained`,
    });
  }
  return problems;
}

function policyReferences(config: RunConfig): CheckProblem[] {
  return config.references.flatMap((reference, index) => {
    if (!isPolicyReference(reference)) return [];
    return (['quantization', 'dtype', 'revision', 'adapter', 'chat_template'] as const)
      .filter((key) => reference[key] !== config.policy[key])
      .map((key) => ({
        path: ['references', index, key],
        message: `this reference is the policy itself (${String(config.policy[key] ?? 'not set')}); leave ${key} out, or name the model by its path`,
      }));
  });
}

function checkpoints({ training }: RunConfig): CheckProblem[] {
  if (training.save_steps !== 'off') return [];
  const needed = [
    ...(training.load_best_model_at_end ? ['load_best_model_at_end'] : []),
    ...(training.on_divergence === 'restore' ? ['on_divergence'] : []),
  ];
  return needed.map((key) => ({
    path: ['training', key],
    message: 'needs checkpoints, and training.save_steps is off',
  }));
}

function dataSettings(config: RunConfig): CheckProblem[] {
  const { data } = config;
  if (typeof data.eval === 'number' && data.eval >= 1 && data.limit !== undefined && data.eval >= data.limit) {
    return [
      {
        path: ['data', 'eval'],
        message: `${data.eval} held-out pairs leave none of data.limit (${data.limit}) to train on`,
      },
    ];
  }
  return [];
}
