/** The message of a spec has the keys and kinds of the configuration's schema, and loses nothing of one. */
import { describe, expect, it } from 'vitest';
import { configJsonSchema, type SchemaNode } from '../../src/config/json-schema.js';
import { loadConfig, presetNames, type RunConfigInput } from '../../src/config/index.js';
import { RunSpec } from '../../src/gen/mrpo/runs/v1/spec.js';
import { specType, type SpecField, type SpecType } from '../../src/service/protocol/schema.js';
import { configOfSpec, specOfConfig } from '../../src/service/protocol/spec-message.js';

/** Every difference between a message and the schema of the same key, both ways. */
function differences(type: SpecType, node: SchemaNode, path: string): string[] {
  const shapes = alternatives(node);
  if (type.union === 'kind') {
    const left = shapes.filter((shape) => !type.fields.some((field) => matches(field, shape)));
    const unused = type.fields.filter((field) => !shapes.some((shape) => matches(field, shape)));
    const inner = type.fields.flatMap((field) => {
      const own = shapes.filter((shape) => matches(field, shape));
      if (typeof field.type === 'string' || own.length === 0) return [];
      return differences(field.type, own.length === 1 ? (own[0] as SchemaNode) : { anyOf: own }, path);
    });
    return [
      ...left.map((shape) => `${path}: the message has no kind for ${JSON.stringify(shape).slice(0, 80)}`),
      ...unused.map(({ name }) => `${path}: no value of the configuration is of kind ${name}`),
      ...inner,
    ];
  }
  if (type.union !== undefined) {
    const key = type.union;
    const modeOf = (shape: SchemaNode): unknown => shape.properties?.[key]?.const;
    return [
      ...shapes.flatMap((shape) => {
        const field = type.fields.find(({ name }) => name === modeOf(shape));
        if (field === undefined) return [`${path}: the message lacks mode ${String(modeOf(shape))}`];
        const { [key]: _, ...properties } = shape.properties ?? {};
        return differences(field.type as SpecType, { ...shape, properties }, `${path}.${field.name}`);
      }),
      ...type.fields
        .filter(({ name }) => !shapes.some((shape) => modeOf(shape) === name))
        .map(({ name }) => `${path}: the configuration lacks mode ${name}`),
    ];
  }
  if (node.items !== undefined && type.fields[0]?.name === 'values') {
    return fieldDifferences({ ...type.fields[0], repeated: false }, node.items, `${path}[]`);
  }
  const keys = Object.entries(node.properties ?? {}).filter(([name]) => name !== '$schema');
  return [
    ...keys.flatMap(([name, child]) => {
      const field = type.fields.find((candidate) => candidate.name === name);
      return field === undefined
        ? [`${path}: ${type.name} lacks ${name}`]
        : fieldDifferences(field, child, `${path}.${name}`);
    }),
    ...type.fields
      .filter(({ name }) => !keys.some(([key]) => key === name))
      .map(({ name }) => `${path}: the configuration lacks ${name}`),
  ];
}

function fieldDifferences(field: SpecField, node: SchemaNode, path: string): string[] {
  if (field.repeated)
    return node.items === undefined
      ? [`${path}: no list`]
      : fieldDifferences({ ...field, repeated: false }, node.items, `${path}[]`);
  if (field.isMap) return node.type === 'object' && node.properties === undefined ? [] : [`${path}: no map`];
  if (typeof field.type !== 'string') return differences(field.type, node, path);
  const scalar = field.type;
  return alternatives(node).every((shape) => scalarOf(shape) === scalar)
    ? []
    : [`${path}: ${scalar} in the message only`];
}

function matches({ name, type, repeated }: SpecField, shape: SchemaNode): boolean {
  if (name === 'off' && type === 'bool') return shape.const === 'off';
  if (shape.const === 'off') return false;
  if (typeof type === 'string') return scalarOf(shape) === type;
  const list = type.fields.length === 1 && type.fields[0]?.name === 'values';
  const moded = type.union === 'method' || type.union === 'mode';
  if (moded) return shape.type === 'object' && shape.properties?.[type.union ?? ''] !== undefined;
  return !repeated && (list ? shape.type === 'array' : shape.type === 'object');
}

function scalarOf(shape: SchemaNode): string | undefined {
  const kinds: Readonly<Record<string, string>> = {
    string: 'string',
    boolean: 'bool',
    integer: 'integer',
    number: 'double',
  };
  return kinds[shape.type ?? typeof (shape.const ?? shape.enum?.[0])];
}

const alternatives = (node: SchemaNode): readonly SchemaNode[] => {
  const inner = node.anyOf ?? node.oneOf;
  return inner === undefined ? [node] : inner.flatMap(alternatives);
};

const there = (config: RunConfigInput): RunConfigInput =>
  configOfSpec(RunSpec.decode(RunSpec.encode(specOfConfig(config)).finish()));

const WIDE: RunConfigInput = {
  policy: { model: 'a/b', lora: 'off', dtype: 'float32' },
  references: [{ model: 'policy' }, { name: 'x', model: '/m', token_ids: 'policy' }],
  data: {
    train: ['a.jsonl', { path: 'b.jsonl', weight: 0.5, columns: { prompt: 'p', score_a: 's' }, verdict: { '1': 'a' } }],
    eval: { path: 'c.jsonl', split: 'test' },
    messages: { roles: { kunde: 'user' } },
    ignore: ['z'],
    strict: false,
  },
  objective: {
    loss: 'mrpo',
    clip: { mode: 'fixed', epsilon: 0 },
    weights: { method: 'tsw', prior: 2, seed: 0 },
    pooling: { power: -2 },
    label_smoothing: 0,
  },
  training: {
    epochs: 0.5,
    eval_steps: '10min',
    save_steps: 'off',
    max_seconds: 90,
    seed: 0,
    load_best_model_at_end: false,
  },
  generate: { samples: 0 },
};

describe('RunSpec', () => {
  it('has exactly the keys and kinds of the configuration', () => {
    expect(differences(specType('RunSpec'), configJsonSchema(), 'spec')).toEqual([]);
  });

  it.each([
    ['everything', WIDE],
    ['lists and modes', { ...WIDE, objective: { weights: [0.5, 0.5], clip: { mode: 'off' }, pooling: 'min' } }],
    ['a number of held-out pairs', { ...WIDE, data: { train: { path: 'a' }, eval: 20 } }],
    ['no held-out pairs', { ...WIDE, data: { train: 'a', eval: 0 } }],
    ['a share', { ...WIDE, data: { train: ['a'], eval: 0.25 }, training: { save_steps: 7, max_seconds: '2h' } }],
    ['a window', { ...WIDE, objective: { weights: { method: 'swcw', window: 3 } } }],
    ['a folder', { ...WIDE, output: 'runs/a' }],
    ['trackers', { ...WIDE, output: { report_to: ['tensorboard', 'mlflow'] } }],
  ] satisfies [string, RunConfigInput][])('carries a configuration with %s', (_, config) => {
    expect(there(config)).toEqual(config);
  });

  it('carries a resolved configuration of every preset', () => {
    for (const preset of ['', ...presetNames()]) {
      const object = { policy: { model: '/m' }, data: { train: '/d.jsonl' }, ...(preset !== '' && { preset }) };
      const { config } = loadConfig({ object, env: {} });
      expect(loadConfig({ object: there(config), env: {} }).config).toEqual(config);
    }
  });

  it('says where a value has no place', () => {
    const config = { policy: { model: 'm', hat: 'red' } } as unknown as RunConfigInput;
    expect(() => specOfConfig(config)).toThrow('spec.policy.hat: the message has no place for "red"');
  });
});
