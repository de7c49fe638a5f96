/**
 * Every key of `objective:` as a flag of its own, with the help and the default that the schema gives it. A flag is
 * shorthand for `--set objective.KEY=VALUE`.
 */
import { InvalidArgumentError, Option, type Command } from 'commander';
import { configJsonSchema } from '../../config/json-schema.js';

/** By key of `objective:`, as its flag was given. */
export type ObjectiveFlags = Readonly<Record<string, unknown>>;

/** Values that are shorter to write than YAML. */
const SHORTHANDS: Readonly<Record<string, { readonly form: string; readonly parse: (text: string) => unknown }>> = {
  pooling: { form: 'NAME or power:P', parse: parsePooling },
  weights: { form: 'NAME or 0.7,0.3', parse: parseWeights },
  clip: { form: 'off, fixed:EPSILON or adaptive:EPSILON_MAX', parse: parseClip },
};

interface KeySchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly description?: string;
  readonly default?: unknown;
}

/** The keys of `objective:`, read from the schema of a configuration. */
function objectiveKeys(): [key: string, schema: KeySchema][] {
  const { properties } = configJsonSchema() as {
    readonly properties: { readonly objective: { readonly properties: Readonly<Record<string, KeySchema>> } };
  };
  return Object.entries(properties.objective.properties);
}

/** Adds the flags. */
export function addObjectiveFlags(command: Command): Command {
  for (const [key, schema] of objectiveKeys()) {
    const shorthand = SHORTHANDS[key];
    const flag = `--${key.replaceAll('_', '-')}${schema.type === 'boolean' ? '' : ' <value>'}`;
    const forms = shorthand?.form ?? schema.enum?.join(', ');
    const fallback = schema.default === undefined ? undefined : `(default: ${defaultText(schema.default)})`;
    const option = new Option(flag, [forms && `${forms}.`, schema.description, fallback].filter(Boolean).join(' '));
    command.addOption(shorthand === undefined ? option : option.argParser(shorthand.parse));
  }
  return command;
}

/** The flags that were given, as `objective.key=value` assignments. */
export function objectiveAssignments(flags: ObjectiveFlags): string[] {
  return objectiveKeys().flatMap(([key]) => {
    const value = flags[key.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())];
    if (value === undefined) return [];
    return [`objective.${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`];
  });
}

const defaultText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

function parsePooling(text: string): unknown {
  return text.startsWith('power:') ? { power: numberIn(text.slice('power:'.length)) } : text;
}

function parseWeights(text: string): unknown {
  return /^[-+\d.]/.test(text) ? text.split(',').map(numberIn) : text;
}

function parseClip(text: string): unknown {
  const [mode, value] = text.split(':', 2);
  if (mode === 'off' && value === undefined) return { mode };
  if (mode !== 'fixed' && mode !== 'adaptive')
    throw new InvalidArgumentError('Expected off, fixed:EPSILON or adaptive:EPSILON_MAX.');
  return { mode, ...(value !== undefined && { [mode === 'fixed' ? 'epsilon' : 'epsilon_max']: numberIn(value) }) };
}

function numberIn(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value))
    throw new InvalidArgumentError(`Expected a number, got "${text}".`);
  return value;
}
