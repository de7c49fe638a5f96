/** The paper's tables and figures (arXiv 2405.16388, section 4) as matrices. */
import { mergeSettings, type Settings } from '../../config/merge.js';
import { PROFILES, type Headline } from '../../tasks/index.js';
import type { MatrixInput } from '../matrix.js';
import type { Scale } from '../scales/scale.js';
import {
  ACCURACY,
  DPO,
  dpoAgainst,
  marksOf,
  MARGIN,
  mode,
  MRPO,
  mrpoWith,
  MULTI_DPO,
  seeds,
  settingsOf,
  type PaperMatrix,
} from './methods.js';

const twoModes = (scale: Scale) => ({ 'L<-M': mode(scale, 'L', ['M']), 'M<-L': mode(scale, 'M', ['L']) });

/** Table 1 and Figure 1: three small sets, five seeds, three epochs. */
export const table1: PaperMatrix = (scale) => ({
  name: 'table1',
  title: 'Table 1: accuracy on small data sets',
  base: scale.base,
  axes: {
    data: settingsOf(scale.small),
    mode: twoModes(scale),
    method: { DPO, 'Multi-DPO': MULTI_DPO, MRPO },
    seed: seeds(scale.seeds.small),
  },
  compare: { axis: 'method', baseline: 'DPO' },
  tables: [
    {
      name: 'table1',
      title: "Table 1. Accuracy (x 100) by each method's own reward",
      rows: 'method',
      columns: ['data', 'mode'],
      measure: ACCURACY,
      percent: true,
    },
  ],
  figures: [
    {
      name: 'figure1',
      title: 'Figure 1. Accuracy over the steps',
      kind: 'curves',
      lines: 'method',
      panels: ['data', 'mode'],
      measure: ACCURACY,
      percent: true,
    },
  ],
  marks: { data: marksOf(scale.small) },
});

/** Table 2, Figures 2 and 3: three big sets, three seeds, one epoch. */
export const table2: PaperMatrix = (scale) => ({
  name: 'table2',
  title: 'Table 2: accuracy and margin on big data sets',
  base: scale.base,
  axes: {
    data: settingsOf(scale.big),
    mode: twoModes(scale),
    method: { DPO, MRPO },
    seed: seeds(scale.seeds.big),
  },
  compare: { axis: 'method', baseline: 'DPO' },
  tables: [
    {
      name: 'table2-accuracy',
      title: 'Table 2. Accuracy (x 100)',
      rows: 'method',
      columns: ['data', 'mode'],
      measure: ACCURACY,
      percent: true,
    },
    {
      name: 'table2-margin',
      title: 'Table 2. Reward margin',
      rows: 'method',
      columns: ['data', 'mode'],
      measure: MARGIN,
    },
  ],
  figures: [
    {
      name: 'figure2',
      title: 'Figure 2. Accuracy over the steps',
      kind: 'curves',
      lines: 'method',
      panels: ['data', 'mode'],
      measure: ACCURACY,
      percent: true,
    },
    {
      name: 'figure3',
      title: 'Figure 3. Reward margin over the steps',
      kind: 'curves',
      lines: 'method',
      panels: ['data', 'mode'],
      measure: MARGIN,
    },
  ],
  marks: { data: marksOf(scale.big) },
});

/** Table 5: the trust region on S3, with a relative of the policy and with a stranger as second reference. */
export const table5: PaperMatrix = (scale) => ({
  name: 'table5',
  title: 'Table 5: how wide the trust region is',
  base: withSet(scale, 'S3'),
  axes: {
    mode: { 'L<-A': mode(scale, 'L', ['A']), 'L<-M': mode(scale, 'L', ['M']) },
    epsilon: {
      '0 (DPO)': DPO,
      '1e6': mrpoWith({ clip: { mode: 'adaptive', epsilon_max: 1e6 } }),
      '1': mrpoWith({ clip: { mode: 'adaptive', epsilon_max: 1 } }),
      '0.1': MRPO,
      '0.01': mrpoWith({ clip: { mode: 'adaptive', epsilon_max: 0.01 } }),
    },
    seed: seeds(scale.seeds.small),
  },
  compare: { axis: 'epsilon', baseline: '0 (DPO)' },
  tables: [
    {
      name: 'table5',
      title: 'Table 5. Accuracy (x 100) on S3 by epsilon_max',
      rows: 'mode',
      columns: ['epsilon'],
      measure: ACCURACY,
      percent: true,
    },
  ],
  marks: { mode: marksOf({ 'L<-A': scale.models.A }) },
});

/** Figure 4, top: fixed against adaptive epsilon; bottom: fixed weights against ARWC. */
export const figure4: PaperMatrix = (scale) => ({
  name: 'figure4',
  title: 'Figure 4: fixed or adaptive epsilon and weights',
  base: over(scale.base, mode(scale, 'L', ['M'])),
  axes: {
    data: settingsOf(scale.small),
    variant: {
      DPO,
      'fixed epsilon': mrpoWith({ clip: { mode: 'fixed', epsilon: 0.1 } }),
      'alpha 0.1': mrpoWith({ weights: [0.9, 0.1] }),
      'alpha 0.5': mrpoWith({ weights: [0.5, 0.5] }),
      'alpha 0.9': mrpoWith({ weights: [0.1, 0.9] }),
      MRPO,
    },
    seed: seeds(scale.seeds.small),
  },
  compare: { axis: 'variant', baseline: 'MRPO' },
  tables: [
    {
      name: 'figure4-values',
      title: 'Figure 4. Accuracy (x 100)',
      rows: 'variant',
      columns: ['data'],
      measure: ACCURACY,
      percent: true,
    },
  ],
  figures: [
    {
      name: 'figure4',
      title: 'Figure 4. Accuracy by variant',
      kind: 'bars',
      lines: 'variant',
      panels: ['data'],
      measure: ACCURACY,
      percent: true,
    },
  ],
  marks: {
    data: marksOf(scale.small),
    variant: {
      'alpha 0.1': 'alpha is taken to be the weight of RefM2; the paper does not say whose it is',
      'alpha 0.9': 'alpha is taken to be the weight of RefM2; the paper does not say whose it is',
    },
  },
});

/** Table 3: three references, full fine-tuning, general language understanding. */
export const table3: PaperMatrix = (scale) =>
  fullFineTuning(scale, {
    name: 'table3',
    title: 'Table 3: language understanding, three references',
    axes: {
      mode: {
        'M<-L,Q': mode(scale, 'M', ['L', 'Q']),
        'L<-M,Q': mode(scale, 'L', ['M', 'Q']),
        'Q<-M,L': mode(scale, 'Q', ['M', 'L']),
      },
      method: { DPO, MRPO },
      seed: [0],
    },
  });

/** Table 8 (appendix): the same with two references. */
export const table8: PaperMatrix = (scale) =>
  fullFineTuning(scale, {
    name: 'table8',
    title: 'Table 8: language understanding, two references',
    axes: { mode: twoModes(scale), method: { DPO, MRPO }, seed: [0] },
  });

/** Table 4: a strong model as the reference of a weak policy. */
export const table4: PaperMatrix = (scale) =>
  fullFineTuning(scale, {
    name: 'table4',
    title: 'Table 4: from a strong model to a weak one',
    axes: { mode: { 'T<-M': mode(scale, 'T', ['M']) }, method: { DPO, MRPO }, seed: [0] },
  });

/** What the paper lacks: DPO against each reference alone, the scrambled reference, the released code, the exact optimum. */
export const baselines: PaperMatrix = (scale) => {
  const second = scale.secondReference;
  return {
    name: 'baselines',
    title: 'Baselines that the paper lacks',
    note: `Each beside MRPO on the same pairs and seeds, L←${second}. The reference of DPO@${second} is that model alone.`,
    base: over(scale.base, mode(scale, 'L', [second])),
    axes: {
      data: settingsOf(scale.small),
      method: {
        MRPO,
        'DPO@L': DPO,
        [`DPO@${second}`]: dpoAgainst(scale, second),
        geometric: mrpoWith({ pooling: 'geometric' }),
        'scrambled reference': {
          ...MRPO,
          references: [
            { name: 'RefM1', model: 'policy' },
            { name: second, ...scale.models[second].asReference, token_ids: 'policy' },
          ],
        },
        'released code': mrpoWith({ official_code: true }),
      },
      seed: seeds(scale.seeds.small),
    },
    compare: { axis: 'method', baseline: 'MRPO' },
    tables: [
      {
        name: 'baselines-own',
        title: 'Accuracy (x 100) by the own reward',
        rows: 'method',
        columns: ['data'],
        measure: ACCURACY,
        percent: true,
      },
      {
        name: 'baselines-refm1',
        title: 'Accuracy (x 100) against RefM1',
        rows: 'method',
        columns: ['data'],
        measure: 'accuracies/refm1',
        percent: true,
      },
      {
        name: 'baselines-per-token',
        title: 'Accuracy (x 100) without a reference, per token',
        rows: 'method',
        columns: ['data'],
        measure: 'accuracies/per_token',
        percent: true,
      },
    ],
    marks: { data: marksOf(scale.small) },
  };
};

function fullFineTuning(scale: Scale, own: Pick<MatrixInput, 'name' | 'title' | 'axes'>): MatrixInput {
  const { mark } = scale.fullFineTuning;
  const { mode = {}, ...rest } = own.axes;
  return {
    ...own,
    base: withSet(scale, 'UltraFeedback'),
    // Over the mode, whose policy is meant for adapters: in float16, say.
    axes: { mode, tuning: { full: scale.fullFineTuning.settings }, ...rest },
    tasks: typeof scale.tasks === 'string' ? scale.tasks : scale.tasks.map(copyOf),
    compare: { axis: 'method', baseline: 'DPO' },
    tables: [
      {
        name: own.name,
        title: `${own.title} (x 100)`,
        rows: ['mode', 'method'],
        measures: [
          ...PROFILES.paper.map(({ name, title }) => ({ measure: `task/${name}`, title })),
          { measure: 'task/average', title: 'Avg.' },
        ],
        percent: true,
      },
      {
        name: `${own.name}-accuracy`,
        title: `${own.title}: preference accuracy (x 100)`,
        rows: 'method',
        columns: ['mode'],
        measure: ACCURACY,
        percent: true,
      },
    ],
    marks: mark === undefined ? {} : { tuning: { full: mark } },
  };
}

const copyOf = ({ name, title, tasks, of }: Headline) => ({
  name,
  title,
  tasks: tasks.map(({ name: task, fewshot }) => (fewshot === undefined ? { name: task } : { name: task, fewshot })),
  of: of.map(([task, metric, filter]): [string, string, string] => [task, metric, filter]),
});

function withSet(scale: Scale, set: 'S3' | 'UltraFeedback'): Record<string, unknown> {
  const { settings } = set === 'S3' ? scale.small[set] : scale.big[set];
  return over(scale.base, settings);
}

const over = (under: Settings, settings: Settings): Record<string, unknown> =>
  mergeSettings(under, settings) as Record<string, unknown>;

/** By the names of `mrpo reproduce`, in the order of the paper. */
export const PAPER: Readonly<Record<string, PaperMatrix>> = {
  table1,
  table2,
  table3,
  table4,
  table5,
  table8,
  figure4,
  baselines,
};

/** Figures that are views of a table's runs. */
export const VIEWS: Readonly<Record<string, string>> = { figure1: 'table1', figure2: 'table2', figure3: 'table2' };
