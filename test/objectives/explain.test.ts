/** `mrpo explain`: numbers in, every stage out. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { runMrpo, type CliResult } from '../support/run-mrpo.js';

const PAIR = '{"policy":[-100,-120],"references":[[-105,-118],[-110,-119]],"tokens":[40,50],"bytes":[160,200]}';
const OTHER = '{"policy":[-30,-29],"references":[[-31,-28],[-30,-33]]}';
const folder = mkdtempSync(join(tmpdir(), 'mrpo-explain-'));
afterAll(() => rmSync(folder, { recursive: true }));

function explain(args: readonly string[], stdin = PAIR): Promise<CliResult> {
  return runMrpo(['explain', ...args], { cwd: folder, stdin });
}

async function jsonOf(args: readonly string[], stdin = PAIR): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await explain([...args, '--json'], stdin);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

describe('--json', () => {
  it('prints one object a pair with exactly the keys of the contract', async () => {
    const [first, second, ...more] = await jsonOf([], `${PAIR}\n\n${OTHER}\n`);
    expect(more).toEqual([]);
    expect(Object.keys(first!)).toEqual(['epsilon', 'clipped', 'weights', 'virtual', 'margin', 'loss', 'gradient']);
    expect(first).toEqual({
      epsilon: [expect.closeTo(0.047566, 6), expect.closeTo(0.052434, 6)],
      clipped: [
        [-105, -118],
        [expect.closeTo(-109.994469, 6), -119],
      ],
      weights: [expect.closeTo(0.590909, 6), expect.closeTo(0.409091, 6)],
      virtual: [expect.closeTo(-109.11039, 6), expect.closeTo(-118.532352, 6)],
      margin: expect.closeTo(1.057804, 6),
      loss: expect.closeTo(0.298041, 6),
      gradient: [expect.closeTo(-0.025773, 6), expect.closeTo(0.025773, 6)],
    });
    expect((second!['weights'] as number[]).reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 12);
  });

  it('says null for what the objective has not', async () => {
    expect((await jsonOf(['--clip', 'off']))[0]).toMatchObject({
      epsilon: [null, null],
      clipped: [
        [-105, -118],
        [-110, -119],
      ],
    });
    expect((await jsonOf(['--loss', 'simpo']))[0]).toMatchObject({
      epsilon: [null, null],
      clipped: [],
      weights: [],
      virtual: null,
    });
  });
});

describe('the objective', () => {
  it.each([
    [['--official-code'], 1.077226],
    [['--pooling', 'geometric'], 0.86341],
    [['--loss', 'dpo'], 0.7],
    [['--beta', '0.2', '--loss', 'dpo'], 1.4],
    [['--loss', 'simpo', '--beta', '2', '--gamma', '0.25'], 2 * (-2.5 + 2.4) - 0.25],
    [['--clip', 'off', '--weights', '0,1', '--pooling', 'power:3'], 1.1],
    [['--clip', 'fixed:0', '--weights', 'uniform'], 0.7],
    [['--clip', 'adaptive:0', '--weights', 'uniform', '--pooling', 'max'], 0.7],
    [['--normalization', 'byte', '--loss', 'dpo'], 0.1 * (5 / 160 + 2 / 200)],
    [['--set', 'objective.beta=1', '--loss', 'dpo'], 7],
  ])('from flags %j has the margin %d', async (flags, margin) => {
    expect((await jsonOf(flags))[0]!['margin']).toBeCloseTo(margin, 6);
  });

  it('comes from a configuration with nothing but objective:, in YAML or JSON, and flags win over it', async () => {
    const yaml = write('only-objective.yaml', 'objective:\n  loss: dpo\n  beta: 0.2\n');
    const json = write('only-objective.json', '{"objective": {"loss": "dpo", "beta": 0.2}}');
    for (const file of [yaml, json]) {
      expect((await jsonOf(['--config', file]))[0]!['margin']).toBeCloseTo(1.4, 12);
      expect((await jsonOf(['--config', file, '--beta', '0.5']))[0]!['margin']).toBeCloseTo(3.5, 12);
    }
  });

  it('comes from a whole configuration whose models are not touched', async () => {
    const file = write(
      'run.yaml',
      'policy: {model: ./nowhere}\nreferences: [{model: policy}, {model: org/a}, {model: org/b}]\ndata: {train: ./nothing.jsonl}\nobjective: {pooling: geometric}\n',
    );
    expect((await jsonOf(['--config', file]))[0]!['margin']).toBeCloseTo(0.86341, 6);
  });

  it('may be a loss of the user, beside the configuration', async () => {
    write(
      'square.ts',
      'export default ({ policy, virtual }) => (policy.chosen - virtual.chosen - policy.rejected + virtual.rejected - 1) ** 2;\n',
    );
    const file = write('custom.yaml', 'objective: {loss: custom, module: ./square.ts, pooling: geometric}\n');
    const [row] = await jsonOf(['--config', file]);
    expect(row!['loss']).toBeCloseTo((8.6341 - 1) ** 2, 3);
    expect((row!['gradient'] as number[])[0]).toBeCloseTo(2 * (8.6341 - 1), 3);
  });

  it.each([
    ['uniform', [0.5, 0.5]],
    ['0.25,0.75', [0.25, 0.75]],
    ['tsw', [expect.any(Number), expect.any(Number)]],
  ])('with %s weights needs no lengths', async (weights, expected) => {
    expect((await jsonOf(['--weights', weights], OTHER))[0]!['weights']).toEqual(expected);
  });

  it.each(['vdw', 'vaw', 'swcw', 'swcw-one-hot', 'tsw'])('with %s weights shows its first step', async (weights) => {
    const [row] = await jsonOf(['--weights', weights]);
    expect((row!['weights'] as number[]).reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 12);
  });
});

it('takes tokens of each model', async () => {
  const pair = '{"policy":[-100,-120],"references":[[-105,-118]],"tokens":{"policy":[40,50],"references":[[35,59]]}}';
  expect((await jsonOf(['--loss', 'dpo', '--normalization', 'token'], pair))[0]!['margin']).toBeCloseTo(
    0.1 * (-2.5 + 3 - (-2.4 + 2)),
    12,
  );
});

it('prints a table for people', async () => {
  const file = write('pairs.jsonl', `${PAIR}\n${OTHER.replace('{', '{"id":"second",')}\n`);
  const { code, stdout } = await explain([file]);
  expect(code).toBe(0);
  expect(stdout).toContain('pair pairs.jsonl:1');
  expect(stdout).toContain('pair second');
  expect(stdout).toMatch(/reference 2 +-110 +-119\n/);
  expect(stdout).toMatch(/epsilon +0\.0475663717 +0\.0524336283\n/);
  expect(stdout).toMatch(/clipped 2 +-109\.994469 +-119 +weight 0\.409090909\n/);
  expect(stdout).toMatch(/gradient dL\/dlogp +-0\.0257729379 +0\.0257729379\n/);
  expect(stdout).toMatch(/mrpo, 2 pairs: mean loss [\d.]+, accuracy 1, mean reward margin/);
});

describe('input that cannot be used', () => {
  it.each([
    ['{"policy":[-1,-2]', 'standard input:1: not JSON'],
    [`${PAIR}\n{"policy":[-1,"x"],"references":[]}`, 'standard input:2: policy.1: Invalid input: expected number'],
    ['{"references":[[-1,-2]]}', 'standard input:1: policy:'],
    ['{"policy":[-1,-2],"refs":[]}', 'standard input:1: Unrecognized key: "refs"'],
    [
      `${PAIR}\n{"policy":[-1,-2],"references":[[-1,-2]]}`,
      'standard input:2: got 1 references, expected 2 as in standard input:1',
    ],
    [
      '{"policy":[-1,-2],"references":[[-1,-2]],"tokens":{"policy":[1,2],"references":[]}}',
      'tokens.references: got 0 entries, expected one per reference (1)',
    ],
    ['{"policy":[-1,-2],"references":[[-1,-2]],"tokens":[3,-1]}', 'standard input:1: tokens.1: Too small'],
    [
      '{"policy":[-1,-2],"references":[[-1,-2]],"tokens":{"policy":[1,2],"references":[[0,1]]}}',
      'tokens.references.0.0: Too small',
    ],
    ['{"policy":[-1,0.5],"references":[[-1,-2]]}', 'row standard input:1, policy, rejected response: log-prob is 0.5'],
    ['\n\n', 'standard input: no pairs'],
  ])('%j is refused with its line', async (stdin, message) => {
    const { code, stdout, stderr } = await explain(['--json'], stdin);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  it.each([
    [['missing.jsonl'], 1, 'missing.jsonl: cannot be read'],
    [['--clip', 'sometimes'], 2, 'Expected off, fixed:EPSILON or adaptive:EPSILON_MAX'],
    [['--clip', 'off:1'], 2, 'Expected off'],
    [['--clip', 'fixed:x'], 2, 'Expected a number, got "x"'],
    [['--pooling', 'power:'], 2, 'Expected a number'],
    [['--pooling', 'harmonica'], 2, 'did you mean "harmonic"?'],
    [['--weights', '0.5,0.6'], 2, 'add up to 1'],
    [['--weights=-1,2'], 2, 'objective.weights'],
    [['--weights', '1'], 2, 'expected one weight per reference (2), got 1'],
    [['--normalization', 'token', '--set', 'objective.typo=1'], 2, 'unknown key "typo"'],
    [['--loss', 'custom'], 2, 'module'],
  ])('%j ends with exit code %d', async (flags, expected, message) => {
    const { code, stderr } = await explain(flags);
    expect(stderr).toContain(message);
    expect(code).toBe(expected);
  });

  it('names file and line of a wrong key in the configuration', async () => {
    const { code, stderr } = await explain([
      '--config',
      write('typo.yaml', 'objective:\n  loss: mrpo\n  poolng: geometric\n'),
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('typo.yaml:3:3: objective: unknown key "poolng"; did you mean "pooling"?');
  });

  it('says which lengths are missing', async () => {
    const { code, stderr } = await explain(['--loss', 'simpo'], OTHER);
    expect(code).toBe(1);
    expect(stderr).toContain(
      'row standard input:1, chosen tokens of policy: got nothing, expected a count of at least 1',
    );
  });
});

it('works as a program, from standard input', () => {
  const bin = fileURLToPath(new URL('../../bin/mrpo.js', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, 'explain', '-', '--json'], {
    input: PAIR,
    encoding: 'utf8',
    cwd: folder,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect((JSON.parse(stdout) as { loss: number }).loss).toBeCloseTo(0.298041, 6);
});
