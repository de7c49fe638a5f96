/**
 * The starter file of `mrpo init`: every key with its description, taken from the schema, so that it can never fall
 * behind. What a newcomer decides is written out; every other key is there as a comment at its default.
 */
import { stringify } from 'yaml';

import { alternatives, configJsonSchema, type SchemaNode } from './json-schema.js';
import { isSettings, mergeSettings, type Settings } from './merge.js';
import { valueAt } from './path.js';
import { findPreset } from './presets/index.js';

/** What a newcomer decides, with something to replace. */
const STARTER: Settings = {
  policy: { model: './models/base', quantization: 'none', lora: { r: 8, alpha: 16, target_modules: [] } },
  references: [
    { name: 'self', model: 'policy' },
    { name: 'second', model: './models/second' },
  ],
  data: { train: 'pairs.jsonl', eval: 0.1, max_length: 1024 },
  objective: {
    loss: 'mrpo',
    beta: 0.1,
    clip: { mode: 'adaptive', epsilon_max: 0.1 },
    weights: 'arwc',
    pooling: 'harmonic',
  },
  training: { learning_rate: 1e-5, epochs: 3, batch_size: 8, seed: 0 },
  generate: { samples: 3 },
  output: { folder: 'runs/my-run' },
};

const LINE_WIDTH = 110;

/**
 * Text of a starter configuration.
 * @param preset name of a preset whose settings are written out; it must exist.
 * @param schemaLocation path or URL of the JSON Schema, for editors.
 */
export function starterConfig(preset: string | undefined, schemaLocation: string): string {
  const settings = mergeSettings(STARTER, preset === undefined ? {} : (findPreset(preset)?.settings ?? {}));
  const schema = configJsonSchema();
  const sections = Object.entries(schema.properties ?? {}).filter(([key]) => key !== '$schema' && key !== 'preset');
  return [
    `# yaml-language-server: $schema=${schemaLocation}`,
    ...comment(
      `A run of mrpo. All keys are here: a line that begins with "#key:" is at its default; remove the "#" to change it.`,
      '',
    ),
    ...(preset === undefined
      ? []
      : comment(`Settings of the preset ${preset}: ${findPreset(preset)?.summary ?? ''}`, '')),
    ...sections.flatMap(([key, node]) => ['', ...entry(key, node, valueAt(settings, [key]), '')]),
    '',
  ].join('\n');
}

/** One key: its description, then its value, or its default as a comment. */
function entry(key: string, node: SchemaNode, value: unknown, indent: string): string[] {
  const about = comment(describe(node), indent);
  if (value === undefined)
    return [...about, `${indent}#${key}: ${node.default === undefined ? '' : inline(node.default)}`.trimEnd()];
  if (Array.isArray(value) && value.length > 0 && value.every(isSettings)) {
    const items = node.items ?? {};
    return [
      ...about,
      `${indent}${key}:`,
      ...value.flatMap((item, index) => listItem(items, item, `${indent}  `, index === value.length - 1)),
    ];
  }
  if (isSettings(value))
    return [...about, `${indent}${key}:`, ...members(shapeOf(node, value), value, `${indent}  `, node)];
  return [...about, `${indent}${key}: ${inline(value)}`];
}

/** The keys of one shape; `union` = all shapes it could have, for the key that says which. */
const members = (shape: SchemaNode, value: Settings, indent: string, union: SchemaNode = shape): string[] =>
  Object.entries(shape.properties ?? {}).flatMap(([key, node]) => {
    const choices = alternatives(union).flatMap((other) => other.properties?.[key]?.const ?? []);
    return entry(key, node.const === undefined ? node : { enum: choices }, value[key], indent);
  });

/** An entry of a list; only the last one shows what else it could have. */
function listItem(node: SchemaNode, item: Settings, indent: string, complete: boolean): string[] {
  const lines = complete
    ? members(node, item, `${indent}  `)
    : Object.entries(item).map(([key, value]) => `${indent}  ${key}: ${inline(value)}`);
  // The dash takes the place of the first key's indent; comments before it stay above.
  const first = lines.findIndex((line) => !line.trimStart().startsWith('#'));
  return lines.map((line, index) => {
    if (index < first) return line.slice(2);
    return index === first ? `${indent}- ${line.slice(indent.length + 2)}` : line;
  });
}

/** Of the shapes an object may have, the one that this value has. */
function shapeOf(node: SchemaNode, value: Settings): SchemaNode {
  const fits = (shape: SchemaNode): boolean =>
    shape.properties !== undefined &&
    Object.entries(shape.properties).every(([key, child]) => child.const === undefined || child.const === value[key]);
  return alternatives(node).find(fits) ?? node;
}

function describe(node: SchemaNode): string {
  const names = alternatives(node).flatMap((shape) => shape.enum ?? (shape.const === undefined ? [] : [shape.const]));
  const description = node.description ?? '';
  // Names that the description already explains one by one need no list.
  const unexplained = names.some((name) => !description.includes(String(name)));
  return unexplained ? `${description} (${names.join(' | ')})`.trim() : description;
}

function comment(text: string, indent: string): string[] {
  if (text === '') return [];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + word.length + 3 > LINE_WIDTH) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((part) => `${indent}# ${part}`);
}

/** A value on one line. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (isSettings(value)) {
    const parts = Object.entries(value).map(([key, member]) => `${key}: ${inline(member)}`);
    return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
  }
  if (typeof value === 'number' && value !== 0 && Math.abs(value) < 1e-3) return value.toExponential();
  return stringify(value, { lineWidth: 0 }).trim();
}
