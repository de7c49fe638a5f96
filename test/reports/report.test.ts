import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { html, raw } from '../../src/reports/html.js';
import { lineChart } from '../../src/reports/line-chart.js';
import type { ReportRun } from '../../src/reports/report-run.js';
import { smooth, thin } from '../../src/reports/series.js';
import { niceTicks, paddedRange } from '../../src/reports/ticks.js';
import { reportHtml, writeReport } from '../../src/reports/write-report.js';

const RUN: ReportRun = {
  name: 'mrpo',
  status: 'succeeded',
  summary: 'base trained with mrpo against self, gemma on 90 preference pairs',
  wentOn: [],
  metrics: [
    {
      step: 0,
      epoch: 0,
      eval_loss: 0.7,
      'eval_accuracies/per_token': 0.5,
      'eval_accuracies/refm1': 0,
      'eval_rewards/accuracies': 0.4,
      'eval_logps/chosen': -50,
      'eval_logps/rejected': -52,
    },
    ...Array.from({ length: 1000 }, (_, i) => ({
      step: i + 1,
      loss: 0.7 - i / 2000,
      'rewards/margins': i / 500,
      'references/self/weight': 0.4,
      'references/gemma/weight': 0.6,
      'references/self/clip_share': 0,
      'references/gemma/clip_share': 0.3,
    })),
    {
      step: 1000,
      epoch: 1,
      eval_loss: 0.3,
      'eval_accuracies/per_token': 0.8,
      'eval_accuracies/refm1': 0.9,
      'eval_rewards/accuracies': 0.85,
      'eval_logps/chosen': -51,
      'eval_logps/rejected': -80,
    },
  ],
  before: { loss: 0.7, 'accuracies/per_token': 0.5, 'accuracies/refm1': 0, 'rewards/accuracies': 0.4 },
  after: {
    loss: 0.3,
    'accuracies/per_token': 0.8,
    'accuracies/refm1': 0.9,
    'rewards/accuracies': 0.85,
    'references/gemma/weight': 0.6,
  },
  heldOutPairs: 20,
  trainingPairs: 90,
  longerIsChosen: 0.64,
  references: [
    { name: 'self', model: 'the policy before training', accuracy: 0.5, meanDifference: 1.2 },
    { name: 'gemma', model: './gemma', accuracy: 0.7, meanDifference: 4 },
  ],
  samples: [{ prompt: 'Say <script>alert(1)</script>', before: 'a & b', after: 'c', chosen: 'd', rejected: 'e' }],
  settings: [{ label: 'objective', value: 'mrpo, beta 0.1' }],
  facts: [],
  timings: [{ label: 'train', seconds: 75 }],
};

const page = (changes: Partial<ReportRun> = {}): string =>
  reportHtml([{ ...RUN, ...changes }], { title: 'mrpo on base' });

describe('a report', () => {
  it('needs neither network nor script', () => {
    expect(page()).not.toMatch(/<script|<link|<iframe|<img|@import|url\(|(src|href)\s*=/i);
    expect(page()).not.toMatch(/https?:\/\//);
  });

  it('closes every element it opens', () => {
    const open: string[] = [];
    const empty = new Set(['meta', 'line', 'path', 'br']);
    for (const [, close, name = '', selfClosing] of page()
      .replace(/<style>[\s\S]*<\/style>/, '')
      .matchAll(/<(\/?)([a-zA-Z][a-z0-9]*)[^>]*?(\/?)>/g)) {
      if (close === '/') expect(open.pop()).toBe(name);
      else if (selfClosing !== '/' && !empty.has(name)) open.push(name);
    }
    expect(open).toEqual([]);
  });

  it('shows text of models and data as text', () => {
    expect(page()).toContain('Say &lt;script&gt;alert(1)&lt;/script&gt;');
    expect(page()).toContain('a &amp; b');
  });

  it('puts step 0 and the longer-answer baseline beside what training reached', () => {
    const text = page()
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ');
    expect(text).toMatch(/Accuracy by the method&#39;s own reward|Accuracy by the method's own reward/);
    expect(text).toMatch(/Read it beside its own step 0\. 40\.0 % 85\.0 %/);
    expect(text).toMatch(/always prefer the longer answer .* 64\.0 %/);
  });

  it('shows what there is of a run that failed early', () => {
    const early = page({
      status: 'failed',
      reason: 'Python ended: out of luck',
      metrics: [],
      before: undefined,
      after: undefined,
      samples: [],
      references: [],
    });
    expect(early).toContain('out of luck');
    expect(early).toContain('Nothing was evaluated');
    expect(early).not.toContain('NaN');
  });

  it('is written whole or not at all', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mrpo-report-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    await writeReport([RUN], join(folder, 'report.html'), { title: 't' });
    expect(readdirSync(folder)).toEqual(['report.html']);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    await expect(writeReport([RUN], join(folder, 'no/such/report.html'), { title: 't' })).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(['report.html']);
  });

  it('stays small for long runs', () => {
    expect(page().length).toBeLessThan(150_000);
  });
});

describe('charts', () => {
  it.each([[[5e-324]], [[0, 0]], [[-3, -3, -3]], [[1, 1 + 1e-16]], [[0, 5e-324]]])('have a height for %j', (ys) => {
    const [low, high] = paddedRange(ys);
    expect(high).toBeGreaterThan(low);
    expect(high - low).toBeGreaterThan(0);
  });

  it('draw every point inside the picture', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 40 }), (ys) => {
        const chart = lineChart({
          title: 't',
          caption: 'c',
          lines: [{ name: 'a', color: 0, points: ys.map((y, x) => ({ x, y })) }],
        });
        const path = /class="line plain c0" d="([^"]*)"/.exec(chart?.html ?? '')?.[1] ?? '';
        const coordinates = [...path.matchAll(/[ML](\S+) ([^ML]+)/g)].map(([, x, y]) => [Number(x), Number(y)]);
        expect(coordinates).toHaveLength(ys.length);
        for (const [x, y] of coordinates) {
          expect(x).toBeGreaterThanOrEqual(0);
          expect(x).toBeLessThanOrEqual(460);
          expect(y).toBeGreaterThanOrEqual(0);
          expect(y).toBeLessThanOrEqual(250);
        }
      }),
    );
  });

  it('are left out when nothing was measured', () => {
    expect(lineChart({ title: 't', caption: 'c', lines: [{ name: 'a', color: 0, points: [] }] })).toBeUndefined();
  });

  it('have round ticks within their range', () => {
    expect(niceTicks(0, 1, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(niceTicks(-0.31, 0.29, 5)).toEqual([-0.2, 0, 0.2]);
    expect(niceTicks(3, 3, 5)).toEqual([3]);
  });

  it('keep the mean when points are thinned, and a straight line when it is smoothed', () => {
    const points = Array.from({ length: 1000 }, (_, x) => ({ x, y: 2 * x }));
    const thinned = thin(points, 100);
    expect(thinned).toHaveLength(100);
    expect(thinned.reduce((sum, { y }) => sum + y, 0) / 100).toBeCloseTo(999, 9);
    expect(smooth(points)[500]?.y).toBeCloseTo(1000, 9);
  });
});

describe('html', () => {
  it('escapes what it is given, keeps what is HTML, and joins lists', () => {
    expect(html`<p>${'<&"'}${[1, raw('<b>x</b>')]}${undefined}</p>`.html).toBe('<p>&lt;&amp;&quot;1<b>x</b></p>');
    expect(html`${'a\u0000b'}`.html).toBe('a\ufffdb');
  });
});
