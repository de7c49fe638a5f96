import { describe, expect, it } from 'vitest';
import type { TaskScore } from '../../src/backend/backend.js';
import { headlinesOf, headlineValues } from '../../src/tasks/index.js';

const score = (task: string, values: Readonly<Record<string, number>>, more: Partial<TaskScore> = {}): TaskScore => ({
  task,
  source: task,
  version: '1.0',
  fewshot: 0,
  documents: 100,
  content: '',
  parts: [],
  metrics: Object.entries(values).map(([key, value]) => {
    const [name = '', filter = 'none'] = key.split(',');
    return { name, filter, value, standardError: 0.03 };
  }),
  ...more,
});

describe('the one number of a task', () => {
  it("is the paper's for each of its tasks: TruthfulQA the mean of MC1 and MC2, GSM8K the strict match", () => {
    const scores = [
      score('gsm8k', { 'exact_match,strict-match': 0.239, 'exact_match,flexible-extract': 0.5 }),
      score('truthfulqa_mc1', { acc: 0.302 }),
      score('truthfulqa_mc2', { acc: 0.453 }),
      score('hellaswag', { acc: 0.578, acc_norm: 0.75 }),
      score('mmlu', { acc: 0.464 }),
      score('arc_easy', { acc: 0.737, acc_norm: 0.69 }),
      score('winogrande', { acc: 0.664 }),
    ];
    const values = headlineValues(headlinesOf([], 'paper'), scores);
    const shown = values.map(({ name, value }) => [name, Number((100 * value).toFixed(2))]);
    expect(shown).toEqual([
      ['gsm8k', 23.9], ['truthfulqa', 37.75], ['hellaswag', 57.8], ['mmlu', 46.4], ['arc_easy', 73.7], ['winogrande', 66.4],
      ['average', 50.99],
    ]); // prettier-ignore
    expect(values[1]!.standardError).toBeCloseTo(0.03 / Math.SQRT2, 12);
    expect(values.at(-1)!.standardError).toBeCloseTo(Math.sqrt((5 * 0.03 ** 2 + 0.03 ** 2 / 2) / 36), 12);
  });

  it('is left out, and the average with it, where a part is missing', () => {
    const values = headlineValues(headlinesOf(['truthfulqa', 'mmlu'], 'paper'), [
      score('truthfulqa_mc1', { acc: 0.3 }),
      score('mmlu', { acc: 0.4 }),
    ]);
    expect(values.map(({ name }) => name)).toEqual(['mmlu']);
  });

  it('is the first metric of a task that no profile knows, and of the group before its parts', () => {
    const group = score('mine', { acc: 0.5 }, { source: './mine.yaml', parts: ['part'] });
    const part = score('part', { acc: 0.1 }, { source: './mine.yaml' });
    const values = headlineValues(headlinesOf(['./mine.yaml'], 'paper'), [group, part]);
    expect(values.map(({ name, value }) => [name, value])).toEqual([['mine', 0.5]]);
  });

  it('has the examples of its profile', () => {
    expect(headlinesOf(['hellaswag'], 'leaderboard-v1')[0]?.tasks).toEqual([{ name: 'hellaswag', fewshot: 10 }]);
    expect(headlinesOf(['hellaswag'], 'paper')[0]?.tasks).toEqual([{ name: 'hellaswag', fewshot: 0 }]);
  });
});
