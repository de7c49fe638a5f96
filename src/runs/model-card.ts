/** README.md of an adapter or model: where it comes from and how to open it. */
import { stringify } from 'yaml';
import type { RunConfig } from '../config/schema.js';
import { VERSION } from '../core/version.js';
import type { MetricName } from '../objectives/metrics.js';
import type { Evaluation } from '../training/evaluate.js';

/** What the card tells of the training. */
export interface ModelCardFacts {
  readonly config: RunConfig;
  readonly configHash: string;
  readonly referenceNames: readonly string[];
  readonly trainingPairs: number;
  readonly steps: number;
  /** Optimizer steps before the evaluation `after`. */
  readonly evaluatedStep: number;
  /** Held-out pairs before training; absent if there are none or the run was stopped before. */
  readonly before: Evaluation | undefined;
  /** Held-out pairs at the last evaluation. */
  readonly after: Evaluation | undefined;
}

/** Text of the card, with the header that the Hugging Face hub reads. */
export function modelCard(facts: ModelCardFacts): string {
  const { config } = facts;
  const { policy, objective } = config;
  const isAdapter = policy.lora !== 'off';
  const header = {
    base_model: policy.model,
    ...(isAdapter ? { library_name: 'peft' } : { library_name: 'transformers' }),
    pipeline_tag: 'text-generation',
    tags: [...new Set(['mrpo', 'preference-optimization', objective.loss])],
  };
  const opening = isAdapter
    ? `base = AutoModelForCausalLM.from_pretrained(${JSON.stringify(policy.model)})\nmodel = PeftModel.from_pretrained(base, "path/to/this/folder")`
    : 'model = AutoModelForCausalLM.from_pretrained("path/to/this/folder")';
  return `---
${stringify(header).trimEnd()}
---
# ${isAdapter ? 'Adapter' : 'Model'} trained with ${objective.loss}

Trained by [mrpo](https://arxiv.org/abs/2405.16388) ${VERSION} from \`${policy.model}\` on ${facts.trainingPairs} preference pairs, ${facts.steps} optimizer steps.

| | |
|---|---|
| objective | ${objective.loss}, beta ${objective.beta}, clip ${clipText(objective)}, weights ${JSON.stringify(objective.weights)}, pooling ${JSON.stringify(objective.pooling)} |
| references | ${facts.referenceNames.join(', ')} |
| adapter | ${policy.lora === 'off' ? 'none: all weights were trained' : `LoRA r ${policy.lora.r}, alpha ${policy.lora.alpha}, dropout ${policy.lora.dropout}`} |
| base weights while training | ${policy.quantization === 'none' ? 'not quantised' : policy.quantization} |
| learning rate | ${config.training.learning_rate}, ${config.training.lr_scheduler_type}, ${config.training.batch_size} pairs a step |
| configuration hash | \`${facts.configHash}\` |

${measureTable(facts)}
\`\`\`python
from transformers import AutoModelForCausalLM
${isAdapter ? 'from peft import PeftModel\n' : ''}
${opening}
\`\`\`
`;
}

const clipText = ({ clip }: RunConfig['objective']): string =>
  clip.mode === 'off' ? 'off' : clip.mode === 'fixed' ? `fixed ${clip.epsilon}` : `adaptive ${clip.epsilon_max}`;

function measureTable({ before, after, evaluatedStep }: ModelCardFacts): string {
  if (before === undefined || after === undefined || after.logps.chosen.length === 0) return '';
  const row = (title: string, name: MetricName): string =>
    `| ${title} | ${numberText(before.measures[name])} | ${numberText(after.measures[name])} |`;
  return `Held-out pairs (${after.logps.chosen.length}):

| | before | after step ${evaluatedStep} |
|---|---|---|
${row('accuracy by own reward', 'rewards/accuracies')}
${row('accuracy by reward against the first reference', 'accuracies/refm1')}
${row('accuracy without reference, per token', 'accuracies/per_token')}
${row('margin of own reward', 'rewards/margins')}
${row('loss', 'loss')}
`;
}

const numberText = (value: number | undefined): string => (value === undefined ? '-' : value.toFixed(4));
