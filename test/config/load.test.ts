import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import {
  configHash,
  loadConfig,
  policyModelSpec,
  referenceModelSpec,
  referenceName,
  type LoadConfigOptions,
} from '../../src/config/index.js';
import { MrpoError } from '../../src/core/errors.js';

const folder = mkdtempSync(join(tmpdir(), 'mrpo-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const BASE = `
policy: { model: ./models/base, quantization: nf4 }
references:
  - { name: self, model: policy }
  - { name: other, model: org/other }
data: { train: pairs.jsonl }
`;

const load = (options: LoadConfigOptions) => loadConfig({ env: {}, cwd: folder, ...options });

/** The message of the error that loading must end in. */
function failure(options: LoadConfigOptions): MrpoError {
  try {
    load(options);
  } catch (error) {
    if (error instanceof MrpoError) return error;
    throw error;
  }
  throw new Error('expected the configuration to be refused');
}

describe('precedence', () => {
  it('is flags > environment > .env > file > preset > defaults', () => {
    const at = mkdtempSync(join(folder, 'precedence-'));
    const text = `${BASE}\npreset: paper-big\ntraining: { epochs: 5 }\n`;
    const beta = (options: LoadConfigOptions) => load({ text, cwd: at, ...options }).config.training;
    expect(beta({}).lr_scheduler_type).toBe('cosine');
    expect(beta({}).epochs).toBe(5);
    expect(load({ text: `${BASE}\npreset: paper-big\n` }).config.training.epochs).toBe(1);
    writeFileSync(join(at, '.env'), 'MRPO_SET_training__epochs=6\nMRPO_SET_training__seed=11\nOTHER=x\n');
    expect(beta({}).epochs).toBe(6);
    expect(beta({ env: { MRPO_SET_TRAINING__EPOCHS: '7' } })).toMatchObject({ epochs: 7, seed: 11 });
    expect(beta({ env: { MRPO_SET_TRAINING__EPOCHS: '7' }, set: ['training.epochs=8'] }).epochs).toBe(8);
    expect(beta({ set: ['training.epochs=8', 'training.epochs=9'] }).epochs).toBe(9);
  });

  it('says of every key that is set where it was set', () => {
    const { sources } = load({
      text: `preset: dpo\n${BASE}`,
      env: { MRPO_SET_training__seed: '3' },
      set: ['training.epochs=1'],
    });
    const bySource = Object.fromEntries(sources.map(({ key, layer, where }) => [key, `${layer} ${where}`]));
    expect(bySource).toMatchObject({
      'policy.model': 'file configuration text:3:18',
      'references[1].model': 'file configuration text:6:27',
      'objective.loss': 'preset preset dpo',
      'training.seed': 'environment MRPO_SET_training__seed',
      'training.epochs': 'flag --set training.epochs=1',
    });
    expect(bySource).not.toHaveProperty('training.learning_rate');
  });

  it('replaces an object of another shape instead of mixing the two', () => {
    expect(load({ text: BASE, set: ['objective.clip.mode=fixed'] }).config.objective.clip).toEqual({
      mode: 'fixed',
      epsilon: 0.1,
    });
    const text = `preset: paper-small\n${BASE}\nobjective: { clip: { mode: fixed, epsilon: 0.05 } }`;
    expect(load({ text }).config.objective.clip).toEqual({ mode: 'fixed', epsilon: 0.05 });
    expect(
      load({ text: BASE, set: ['objective.clip.epsilon=0.2', 'objective.clip.mode=fixed'] }).config.objective.clip,
    ).toEqual({ mode: 'fixed', epsilon: 0.2 });
  });
});

describe('--set', () => {
  it('types values as YAML does', () => {
    const { config } = load({
      text: BASE,
      set: [
        'training.learning_rate=1e-6',
        'policy.lora=off',
        'policy.quantization=none',
        'objective.weights=[0.3, 0.7]',
        'objective.official_code=true',
        'data.eval=held.jsonl',
      ],
    });
    expect(config.training.learning_rate).toBe(1e-6);
    expect(config.policy.lora).toBe('off');
    expect(config.objective).toMatchObject({ weights: [0.3, 0.7], official_code: true });
    expect(config.data.eval).toBe(join(folder, 'held.jsonl'));
  });

  it('reaches into lists and adds to their end', () => {
    const { config } = load({ text: BASE, set: ['references[1].dtype=float32', 'references.2.model=org/third'] });
    expect(config.references.map(({ name, dtype }) => [name, dtype])).toEqual([
      ['self', undefined],
      ['other', 'float32'],
      ['third', undefined],
    ]);
    const fromNothing = load({
      text: 'policy: { model: org/p }\ndata: { train: x.jsonl }',
      set: ['references.0.model=policy', 'references.1.model=org/q'],
    });
    expect(fromNothing.config.references.map(referenceName)).toEqual(['policy', 'q']);
  });

  it.each([
    ['epochs', 'expected KEY=VALUE'],
    ['=3', 'expected KEY=VALUE'],
    ['training..epochs=3', 'is not a key path'],
    ['training.epochs=[1', 'the value is not YAML'],
    ['references.7.model=x', 'references: expected a list of entries'],
  ])('refuses %s', (flag, message) => {
    expect(failure({ text: BASE, set: [flag] }).message).toContain(message);
    expect(failure({ text: BASE, set: [flag] }).message).toContain(`--set ${flag}`);
  });
});

describe('problems', () => {
  const problem = (line: string): string => failure({ text: `${BASE}${line}` }).message;

  it.each([
    ['trainin: { epochs: 3 }', 'configuration text:7:1: unknown key "trainin"; did you mean "training"?'],
    [
      'training: { learning_rat: 1e-5 }',
      'configuration text:7:13: training: unknown key "learning_rat"; did you mean "learning_rate"?',
    ],
    ['training: { beta: 0.2 }', 'training: unknown key "beta" here; it belongs at objective.beta'],
    ['training: { epochs: many }', 'configuration text:7:21: training.epochs: expected a number, got text "many"'],
    ['training: { batch_size: 1.5 }', 'training.batch_size: expected a whole number, got number 1.5'],
    ['training: { batch_size: 0 }', 'training.batch_size: expected at least 1, got number 0'],
    ['training: { optim: adam }', 'expected adamw | paged_adamw_8bit, got text "adam"; did you mean "adamw"?'],
    ['training: 3', 'configuration text:7:11: training: expected { learning_rate'],
    ['objective: { loss: mpro }', 'got text "mpro"; did you mean "mrpo"?'],
    [
      'objective: { clip: { mode: adaptive, epsilon: 0.1 } }',
      'objective.clip: unknown key "epsilon"; did you mean "epsilon_max"?',
    ],
    [
      'objective: { clip: { mode: adaptiv } }',
      'objective.clip.mode: expected off | fixed | adaptive, got text "adaptiv"; did you mean "adaptive"?',
    ],
    ['objective: { clip: off }', 'objective.clip: expected { mode'],
    ['objective: { weights: [0.5, x] }', 'objective.weights[1]: expected a number, got text "x"'],
    ['objective: { weights: arwx }', 'did you mean "arwc"?'],
    [
      'objective: { weights: { method: tsw, priors: 3 } }',
      'objective.weights: unknown key "priors"; did you mean "prior"?',
    ],
    ['objective: { pooling: { power: x } }', 'objective.pooling.power: expected a number, got text "x"'],
    ['objective: { beta: 0 }', 'objective.beta: expected more than 0, got number 0'],
    ['objective: { beta: .nan }', 'objective.beta: expected a number'],
    ['output: ""', 'output: expected text, not empty, got empty text'],
    ['output: null', 'output: expected text | { folder, report_to }, got null'],
    [
      'preset: paper',
      'configuration text:7:9: preset: expected mrpo | dpo | paper-small | paper-big, got "paper"; did you mean "paper-small"?',
    ],
    ['preset: 3', 'preset: expected text, got number 3'],
  ])('%s', (line, message) => {
    expect(problem(line)).toContain(message);
  });

  it('names every problem at once, each at its line', () => {
    const error = failure({
      text: 'policy:\n  modle: ./base\n  quantization: nf3\nreferences:\n  - { model: 3 }\ndata: {}\n',
      set: ['training.epochs=no'],
    });
    expect(error.code).toBe('config');
    expect(error.message.split('\n').map((line) => line.trim())).toEqual([
      'configuration has 6 problems',
      'configuration text:2:3: policy.model: missing; expected text',
      'configuration text:3:17: policy.quantization: expected none | nf4 | int8, got text "nf3"; did you mean "nf4"?',
      'configuration text:2:3: policy: unknown key "modle"; did you mean "model"?',
      'configuration text:5:14: references[0].model: expected text, got number 3',
      expect.stringMatching(
        /^configuration text:6:7: data\.train: missing; expected text \| \{ path, .*weight \} \| a list of text or entries$/,
      ),
      '--set training.epochs=no: training.epochs: expected a number, got text "no"',
    ]);
    expect(error.details['problems']).toHaveLength(6);
  });

  it.each([
    ['policy: {', 'configuration text:1:10'],
    ['a: 1\na: 2\n', 'configuration text:2:1: Map keys must be unique'],
    ['- 1\n- 2', 'expected keys such as "policy:" and "data:", got a list'],
    ['just text', 'expected keys such as "policy:" and "data:", got string'],
    ['a: *nowhere', 'configuration text:1:4: the alias *nowhere has no anchor'],
    ['policy: {}\n---\ndata: {}', 'multiple documents'],
    ['', 'policy: missing'],
    ['\u0000', 'configuration'],
    ['__proto__: { polluted: true }', 'unknown key "__proto__"'],
  ])('a text that is no configuration: %j', (text, message) => {
    expect(failure({ text }).message).toContain(message);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('a YAML bomb is refused', () => {
    const text = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefgh'[i]}`).join(',')}]`),
    ].join('\n');
    expect(failure({ text }).message).toContain('alias');
  });

  it('files that cannot be read', () => {
    expect(failure({ file: 'absent.yaml' }).message).toContain('does not exist');
    expect(failure({ file: '.' }).message).toContain('is a folder');
    writeFileSync(join(folder, 'latin1.yaml'), Buffer.from('output: caf\xe9', 'latin1'));
    expect(failure({ file: 'latin1.yaml' }).message).toContain('cannot be read');
    expect(failure({ file: 'a', text: 'b' }).code).toBe('usage');
  });
});

describe('rules between keys', () => {
  it.each([
    ['objective: { weights: [1] }', 'objective.weights: expected one weight per reference (2), got 1'],
    ['objective: { weights: [0.5, 0.6] }', 'add up to 1, got [0.5, 0.6] with the sum 1.1'],
    ['objective: { loss: simpo, variant: ipo }', 'objective.variant: ipo sets its own target margin'],
    ['objective: { variant: hinge, label_smoothing: 0.1 }', 'objective.label_smoothing: hinge has no form'],
    ['objective: { official_code: true, pooling: geometric }', 'objective.official_code: the authors'],
    ['objective: { loss: custom }', 'objective.module: missing'],
    ['objective: { module: ./loss.ts }', 'objective.module: is only read with loss: custom'],
    ['objective: { official_code: true, loss: dpo }', 'objective.official_code: is a form of mrpo and multi-dpo'],
    ['training: {}\n' + 'objective: { official_code: true }', ''],
  ])('%s', (line, message) => {
    const text = `${BASE}${line}`;
    const said = message === '' ? load({ text }).warnings.join() : failure({ text }).message;
    expect(said).toContain(message);
  });

  it.each([
    ['policy: { model: policy }', 'policy.model: expected a folder'],
    ['policy: { model: ./a.gguf, quantization: nf4 }', 'policy.quantization: expected none for a .gguf file'],
    ['policy: { model: ./a, revision: main }', 'policy.revision: is for hub ids'],
    [
      'policy: { model: org/a, lora: off, quantization: int8 }',
      'policy.lora: full fine-tuning (off) needs quantization: none',
    ],
    [
      'policy: { model: org/a }\nreferences: [{ model: policy, quantization: nf4 }]',
      'references[0].quantization: this reference is the policy itself (none)',
    ],
    [
      'policy: { model: org/a }\nreferences: [{ model: org/b }, { model: other/b }]',
      'references[1]: its name "b" is already that of references[0]',
    ],
    ['policy: { model: org/a }\nobjective: { official_code: true }', 'knows exactly 2 references, got 1'],
  ])('%s', (text, message) => {
    expect(failure({ text: `${text}\ndata: { train: x.jsonl }` }).message).toContain(message);
  });

  it('held-out pairs must leave some of the limit', () => {
    expect(failure({ text: BASE, set: ['data.limit=100', 'data.eval=100'] }).message).toContain(
      'data.eval: 100 held-out pairs leave none',
    );
  });

  it('warns of what is allowed and probably not meant', () => {
    const { warnings } = load({
      text: 'policy: { model: org/p }\ndata: { train: x }\nreferences: [{ model: org/q }, { model: policy }]\nobjective: { loss: dpo, normalization: token }',
    });
    expect(warnings).toHaveLength(3);
    expect(warnings[0]).toContain('references[0] (q) is not the policy');
  });

  it('warns of settings that the loss does not read', () => {
    const saidOf = (objective: string) => load({ text: `${BASE}objective: ${objective}` }).warnings.join();
    expect(saidOf('{ loss: dpo, pooling: geometric, gamma: 1 }')).toContain(
      'objective.pooling, objective.gamma: set, and not read by loss dpo',
    );
    expect(saidOf('{ loss: simpo, gamma: 1, alpha: 0.3 }')).toContain(
      'objective.alpha: set, and not read by loss simpo',
    );
    expect(saidOf('{ loss: mrpo, pooling: geometric, weights: uniform, clip: { mode: off } }')).not.toContain(
      'not read',
    );
  });
});

describe('the result', () => {
  it('resolves paths of a file against its folder, of flags against the current one, and leaves hub ids alone', () => {
    mkdirSync(join(folder, 'sub/models/here'), { recursive: true });
    const text =
      'policy: { model: models/here, adapter: ../start }\nreferences: [{ model: policy }, { model: org/name }, { model: big.gguf }]\ndata: { train: hub:org/set:train, eval: ~/held.jsonl }\noutput: out\n';
    writeFileSync(join(folder, 'sub/run.yaml'), text);
    const { config, baseDir } = load({
      file: 'sub/run.yaml',
      set: ['objective.loss=custom', 'objective.module=my-loss.ts'],
    });
    expect(baseDir).toBe(join(folder, 'sub'));
    expect(config.policy).toMatchObject({ model: join(folder, 'sub/models/here'), adapter: join(folder, 'start') });
    expect(config.references.map(({ model }) => model)).toEqual(['policy', 'org/name', join(folder, 'sub/big.gguf')]);
    expect(config.data.train).toBe('hub:org/set:train');
    expect(config.data.eval).toMatch(/^\/.*\/held\.jsonl$/);
    expect(config.output).toBe(join(folder, 'sub/out'));
    expect(config.objective.module).toBe(join(folder, 'my-loss.ts'));
  });

  it('takes output as a folder or with trackers; layers of both forms meet', () => {
    writeFileSync(join(folder, 'out.yaml'), `${BASE}\noutput: out\n`);
    const tracked = { folder: join(folder, 'out'), report_to: ['tensorboard'] };
    expect(load({ file: 'out.yaml', set: ['output.report_to=[tensorboard]'] }).config.output).toEqual(tracked);
    const whole = `${BASE}\noutput: { folder: out, report_to: [tensorboard] }\n`;
    expect(load({ text: whole }).config.output).toEqual(tracked);
    expect(load({ text: whole, set: ['output=other'] }).config.output).toEqual({
      ...tracked,
      folder: join(folder, 'other'),
    });
    // A relative folder belongs to the place it was written in, whichever form the other layer has.
    writeFileSync(join(folder, 'sub/out.yaml'), `${BASE}\noutput: out\n`);
    expect(load({ file: 'sub/out.yaml', set: ['output.report_to=[mlflow]'] }).config.output).toEqual({
      folder: join(folder, 'sub/out'),
      report_to: ['mlflow'],
    });
    expect(load({ text: BASE, set: ['output.report_to=[mlflow]'] }).hash).toBe(load({ text: BASE }).hash);
    expect(failure({ text: BASE, set: ['output.report_to=[tensorbord]'] }).message).toContain('tensorboard');
  });

  it('reads JSON as well, with positions', () => {
    writeFileSync(
      join(folder, 'run.json'),
      '{\n\t"policy": { "model": "org/p" },\n\t"data": { "train": "x.jsonl", "evil": 1 }\n}\n',
    );
    expect(failure({ file: 'run.json' }).message).toContain(
      'run.json:3:32: data: unknown key "evil"; did you mean "eval"?',
    );
  });

  it('is frozen at every level', () => {
    const { config } = load({ text: BASE });
    expect(() => ((config.training as { epochs: number }).epochs = 1)).toThrow(TypeError);
    expect(() => (config.references as unknown[]).push({})).toThrow(TypeError);
  });

  it('hashes what decides the result and nothing else', () => {
    const hash = load({ text: BASE }).hash;
    expect(load({ text: BASE, set: ['output=elsewhere', 'training.epochs=3'] }).hash).toBe(hash);
    expect(load({ text: `$schema: x.json\npreset: mrpo\n${BASE}` }).hash).toBe(hash);
    expect(load({ text: BASE, set: ['training.epochs=4'] }).hash).not.toBe(hash);
    expect(configHash(load({ text: BASE }).config)).toBe(hash);
  });

  it('takes auto for a number format as one that is left out', () => {
    const { config, hash } = load({ text: BASE, set: ['policy.dtype=auto'] });
    expect(config.policy.dtype).toBeUndefined();
    expect(hash).toBe(load({ text: BASE }).hash);
  });

  it('takes a configuration object of a program', () => {
    const { config } = load({ object: { policy: { model: 'org/p' }, data: { train: 'x.jsonl' } } });
    expect(config.references).toEqual([{ name: 'policy', model: 'policy', quantization: 'none', token_ids: 'own' }]);
    expect(failure({ object: { policy: { model: 'org/p' }, data: { train: 'x', limit: -1 } } }).message).toContain(
      'configuration object:7:14: data.limit',
    );
  });

  it('gives the policy as a reference the very model of the policy', () => {
    const { config } = load({ text: `${BASE}`, set: ['policy.adapter=./start', 'policy.dtype=bfloat16'] });
    const [self, other] = config.references;
    expect(referenceModelSpec(config, self as never)).toEqual(policyModelSpec(config));
    expect(policyModelSpec(config)).toMatchObject({
      source: join(folder, 'models/base'),
      quantization: 'nf4',
      adapter: join(folder, 'start'),
      dtype: 'bfloat16',
    });
    expect(self).toMatchObject({ quantization: 'nf4', dtype: 'bfloat16' });
    expect(referenceModelSpec(config, other as never)).toMatchObject({
      source: 'org/other',
      quantization: 'none',
      adapter: undefined,
    });
  });

  it('gives a reference the tokenizer of the policy where that is asked for', () => {
    const { config } = load({ text: BASE, set: ['policy.chat_template=T', 'references[1].token_ids=policy'] });
    expect(referenceModelSpec(config, config.references[1] as never)).toMatchObject({
      source: 'org/other',
      tokenizer: join(folder, 'models/base'),
      chatTemplate: 'T',
    });
  });

  it('names references by the last part of their path', () => {
    expect(['./a/b/', 'org/x-1.5', 'm.Q4.gguf', 'policy', '/'].map((model) => referenceName({ model }))).toEqual([
      'b',
      'x-1.5',
      'm.Q4',
      'policy',
      'reference',
    ]);
  });
});
