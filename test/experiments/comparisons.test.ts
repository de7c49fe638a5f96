import { describe, expect, it } from 'vitest';
import { compareMethods, type CellOutcome } from '../../src/experiments/comparisons.js';
import { checkMatrix } from '../../src/experiments/matrix.js';
import { latexTable } from '../../src/experiments/render/latex.js';
import { markdownTable } from '../../src/experiments/render/markdown.js';
import { cellText, tableModel } from '../../src/experiments/render/table-model.js';

const matrix = checkMatrix({
  name: 'table1',
  axes: { data: { S1: {} }, mode: { 'L<-M': {} }, method: { DPO: {}, 'Multi-DPO': {}, MRPO: {} }, seed: [0, 1, 2] },
  compare: { axis: 'method', baseline: 'DPO' },
  tables: [
    {
      name: 'table1',
      title: 'T & more',
      rows: 'method',
      columns: ['data', 'mode'],
      measure: 'rewards/accuracies',
      percent: true,
    },
  ],
  marks: { data: { S1: 'a guess' } },
});

const PAIRS = 60;

/** A cell whose first `won` pairs of 60 are won, by every accuracy. */
const cell = (method: string, seed: number, won: number): CellOutcome => {
  const wins = Array.from({ length: PAIRS }, (_, i) => Number(i < won));
  return {
    coordinates: { data: 'S1', mode: 'L<-M', method, seed: String(seed) },
    marks: ['a guess'],
    outcome: {
      before: { 'rewards/accuracies': 0 },
      after: { 'rewards/accuracies': won / PAIRS },
      longerIsChosen: 0.5,
      heldOutPairs: PAIRS,
      curve: [],
      wins: { own: wins, refm1: wins, perToken: wins },
      pairs: wins.map((_, i) => `row ${i}`),
      provenance: { mrpoVersion: '0', backend: undefined, data: undefined, training: undefined, peakMemoryBytes: 0 },
      references: [],
      tokens: { chosen: new Float64Array(0), rejected: new Float64Array(0) },
      standardErrors: {},
      seconds: 1,
    },
  };
};

const cells = [0, 1, 2].flatMap((seed) => [
  cell('DPO', seed, 30 + seed),
  cell('Multi-DPO', seed, 30 + (seed % 2)),
  cell('MRPO', seed, 50 + seed),
]);

describe('comparing methods', () => {
  const comparisons = compareMethods(matrix, cells);

  it('gives one answer for each method and accuracy, paired by seed and pair', () => {
    expect(comparisons).toHaveLength(6);
    const mrpo = comparisons.find(({ method, accuracy }) => method === 'MRPO' && accuracy === 'own')!;
    expect(mrpo).toMatchObject({ where: { data: 'S1', mode: 'L<-M' }, seeds: 3, verdict: 'reproduced' });
    expect(mrpo.paired.difference).toBeCloseTo(20 / 60, 12);
    expect(mrpo.paired.over).toBe('seeds and pairs');
  });

  it('says undetermined where nothing is shown, and contradicted where the method is worse', () => {
    expect(comparisons.find(({ method }) => method === 'Multi-DPO')?.verdict).toBe('undetermined');
    const worse = compareMethods(
      matrix,
      [0, 1, 2].flatMap((seed) => [cell('DPO', seed, 50), cell('MRPO', seed, 20 + seed)]),
    );
    expect(worse.map(({ verdict }) => verdict)).toEqual(['contradicted', 'contradicted', 'contradicted']);
  });

  it('corrects for the number of claims', () => {
    for (const { paired, adjustedP } of comparisons) expect(adjustedP).toBeGreaterThanOrEqual(paired.pValue);
  });

  it('compares only seeds that both have, and only pairs that both were judged on', () => {
    const some = compareMethods(
      matrix,
      cells.filter(({ coordinates }) => coordinates['method'] === 'DPO' || coordinates['seed'] !== '1'),
    );
    expect(some.every(({ seeds }) => seeds === 2)).toBe(true);
    const other = cell('MRPO', 0, 50);
    const shifted = {
      ...other,
      outcome: { ...other.outcome, pairs: other.outcome.pairs.map((_, i) => `row ${i + 30}`) },
    };
    expect(compareMethods(matrix, [cell('DPO', 0, 30), shifted])[0]?.paired.difference).toBeCloseTo(1, 12);
  });
});

describe('a table', () => {
  const table = tableModel({ matrix, cells: cells as never, missing: [] }, matrix.tables[0]!);

  it('shows mean and spread beside step 0 and the printed number', () => {
    expect(cellText(table.rows[2]!.cells[0]!, table)).toBe('85.0 ± 1.7');
    const text = markdownTable(table);
    expect(text).toContain('| MRPO | 85.0 ± 1.7[1] |');
    expect(text).toContain('| &nbsp;&nbsp;paper | 97.2 ± 1.7 |');
    expect(text).toContain('[1] a guess');
  });

  it('says how many of its runs are there', () => {
    const partial = tableModel({ matrix, cells: cells.slice(0, 5) as never, missing: [] }, matrix.tables[0]!);
    expect(cellText(partial.rows[2]!.cells[0]!, partial)).toBe('83.3 (1/2)');
  });

  it('is LaTeX that a compiler takes', () => {
    const text = latexTable(table);
    expect(text).toContain('S1/L$\\leftarrow$M');
    expect(text).toContain('\\caption{T \\& more.');
    expect(text).toContain('$85.0 \\pm 1.7$');
  });
});
