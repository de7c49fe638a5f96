import { describe, expect, it } from 'vitest';
import { cellsOf } from '../../src/experiments/cells.js';
import { checkMatrix } from '../../src/experiments/matrix.js';
import { PAPER } from '../../src/experiments/paper/tables.js';
import { miniature, paper, small } from '../../src/experiments/scales/index.js';
import { configHash } from '../../src/config/index.js';
import { toyMatrix } from './support.js';

describe('a matrix', () => {
  it('is taken apart into one cell for each combination, with the settings of its values laid over the base', () => {
    const cells = cellsOf(toyMatrix('/data'));
    expect(cells.map(({ path }) => path)).toEqual(['DPO/0', 'DPO/1', 'MRPO/0', 'MRPO/1']);
    const { config } = cells[3]!.config;
    expect(config.objective.loss).toBe('mrpo');
    expect(config.training).toMatchObject({ seed: 1, learning_rate: 0.02, epochs: 1 });
    expect(config.references.map(({ name }) => name)).toEqual(['self', 'other']);
  });

  it('leaves out what is excluded, and keeps what is asked for whatever its letter case', () => {
    const excluding = toyMatrix('/data', { exclude: [{ method: 'DPO', seed: '1' }] });
    expect(cellsOf(excluding).map(({ path }) => path)).toEqual(['DPO/0', 'MRPO/0', 'MRPO/1']);
    expect(cellsOf(toyMatrix('/data'), { only: ['mrpo/*'] }).map(({ path }) => path)).toEqual(['MRPO/0', 'MRPO/1']);
    expect(cellsOf(toyMatrix('/data'), { only: ['*/1'] }).map(({ path }) => path)).toEqual(['DPO/1', 'MRPO/1']);
    expect(cellsOf(toyMatrix('/data'), { seeds: 3 })).toHaveLength(6);
  });

  it('is refused with every problem at once: unknown axes, values and keys', () => {
    const bad = {
      axes: { method: { DPO: {} }, data: ['a'] },
      compare: { axis: 'method', baseline: 'MRPO' },
      tables: [{ title: 't', rows: 'methods', measure: 'loss' }],
    };
    expect(() => checkMatrix(bad)).toThrow(/axis "method" has no value "MRPO"; it has DPO/);
    expect(() => checkMatrix(bad)).toThrow(/there is no axis "methods"; the axes are method, data/);
    expect(() => checkMatrix(bad)).toThrow(/axes.data: got a list/);
    expect(() => checkMatrix({ axis: {} })).toThrow(/axis/);
  });

  it('names the cell whose configuration is not valid, before anything runs', () => {
    const matrix = toyMatrix('/data', { axes: { method: { DPO: { objective: { loss: 'dpoo' } } }, seed: [0] } });
    expect(() => cellsOf(matrix)).toThrow(/cell DPO\/0: .*objective.loss/s);
  });

  it('does not listen to settings of the environment: a table says what it says', () => {
    process.env['MRPO_SET_training__learning_rate'] = '7';
    try {
      expect(cellsOf(toyMatrix('/data'))[0]!.config.config.training.learning_rate).toBe(0.02);
    } finally {
      delete process.env['MRPO_SET_training__learning_rate'];
    }
  });
});

describe("the paper's matrix", () => {
  const scales = [miniature('/world'), small, paper];

  it.each(scales)('at the scale $name has the runs of the paper, each once whatever tables share it', (scale) => {
    const paths = new Map<string, string[]>();
    for (const [name, matrix] of Object.entries(PAPER)) {
      if (name === 'baselines') continue;
      for (const cell of cellsOf(checkMatrix(matrix(scale), name))) {
        const hash = configHash(cell.config.config);
        paths.set(hash, [...(paths.get(hash) ?? []), `${name}:${cell.path}`]);
      }
    }
    // reproduction: 90 + 36 + 6 + 2 + 35 + 60, and the two MRPO runs of Table 8, whose DPO runs are those of Table 3.
    expect(paths.size).toBe(231);
    const shared = [...paths.values()].find((names) => names.includes('table5:L<-M/0.1/0'));
    expect(shared).toEqual(['table1:S3/L<-M/MRPO/0', 'table5:L<-M/0.1/0', 'figure4:S3/MRPO/0']);
  });

  it.each(scales)('at the scale $name keeps the common settings of the scale in every cell', (scale) => {
    const base = cellsOf(checkMatrix({ ...PAPER['table1']!(scale), name: 'x' }))[0]!.config.config;
    for (const [name, matrix] of Object.entries(PAPER)) {
      for (const { config } of cellsOf(checkMatrix(matrix(scale), name))) {
        expect(config.config.data.max_length, name).toBe(base.data.max_length);
        expect(config.config.training.batch_size, name).toBe(8);
        expect(config.config.objective.beta, name).toBe(0.1);
        if (config.config.policy.lora !== 'off') {
          expect(config.config.training.learning_rate, name).toBe(base.training.learning_rate);
        }
      }
    }
  });
});
