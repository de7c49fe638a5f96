/**
 * RunSpec and configuration, each from the other, by the rules that spec.proto states: the .proto itself is the table.
 * Nothing is checked here but that a value has a place in the message; the configuration's own schema checks the rest.
 */
import type { RunConfig, RunConfigInput } from '../../config/index.js';
import { MrpoError } from '../../core/errors.js';
import { RunSpec } from '../../gen/mrpo/runs/v1/spec.js';
import { specType, type SpecField, type SpecType } from './schema.js';

type Plain = Readonly<Record<string, unknown>>;

interface Union {
  readonly $case: string;
  readonly value: unknown;
}

/** The configuration that a message says, not checked yet. */
export const configOfSpec = (spec: RunSpec): RunConfigInput =>
  plainOf(specType('RunSpec'), spec as unknown as Plain) as RunConfigInput;

/** A configuration as a message. @throws MrpoError `internal` for a value that the message has no place for. */
export function specOfConfig(config: RunConfig | RunConfigInput): RunSpec {
  const { $schema: _, ...rest } = config;
  return RunSpec.fromPartial(messageOf(specType('RunSpec'), rest, 'spec') as Partial<RunSpec>);
}

/** `learning_rate` as ts-proto names it. */
const memberName = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function plainOf(type: SpecType, message: Plain): unknown {
  if (type.union !== undefined) return plainUnion(type, message[type.union] as Union | undefined);
  if (isList(type)) return (message['values'] as readonly unknown[]).map((item) => plainValue(onlyField(type), item));
  return Object.fromEntries(
    type.fields.flatMap((field): [string, unknown][] => {
      const value = plainField(field, message[memberName(field.name)]);
      return value === undefined ? [] : [[field.name, value]];
    }),
  );
}

function plainField(field: SpecField, value: unknown): unknown {
  if (value === undefined) return undefined;
  if (field.isMap) return Object.keys(value as object).length === 0 ? undefined : { ...(value as object) };
  if (!field.repeated) return plainValue(field, value);
  const items = value as readonly unknown[];
  return items.length === 0 ? undefined : items.map((item) => plainValue(field, item));
}

const plainValue = ({ type }: SpecField, value: unknown): unknown =>
  typeof type === 'string' ? value : plainOf(type, value as Plain);

function plainUnion(type: SpecType, union: Union | undefined): unknown {
  if (union === undefined) return undefined;
  const field = type.fields.find(({ name }) => memberName(name) === union.$case);
  if (field === undefined) return undefined;
  const value = plainValue(field, union.value);
  if (type.union !== 'kind') return { [type.union ?? '']: field.name, ...(value as object) };
  return field.name === 'off' ? (value === true ? 'off' : undefined) : value;
}

function messageOf(type: SpecType, value: unknown, path: string): unknown {
  if (type.union === 'kind') return { kind: kindOf(type, value, path) };
  if (type.union !== undefined) return { [type.union]: modeOf(type, type.union, value as Plain, path) };
  if (isList(type))
    return {
      values: (value as readonly unknown[]).map((item, i) => messageValue(onlyField(type), item, `${path}[${i}]`)),
    };
  const entries = Object.entries(value as Plain).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries.map(([name, member]) => {
      const field = type.fields.find((candidate) => candidate.name === name);
      if (field === undefined) throw noPlace(`${path}.${name}`, member);
      return [memberName(name), messageField(field, member, `${path}.${name}`)];
    }),
  );
}

function messageField(field: SpecField, value: unknown, path: string): unknown {
  if (field.isMap) return value;
  if (!field.repeated) return messageValue(field, value, path);
  return (value as readonly unknown[]).map((item, i) => messageValue(field, item, `${path}[${i}]`));
}

function messageValue(field: SpecField, value: unknown, path: string): unknown {
  return typeof field.type === 'string' ? value : messageOf(field.type, value, path);
}

/** The kind of a union that a value is of. */
function kindOf(type: SpecType, value: unknown, path: string): Union {
  const field = type.fields.find((candidate) => takes(candidate, value));
  if (field === undefined) throw noPlace(path, value);
  return { $case: memberName(field.name), value: field.name === 'off' ? true : messageValue(field, value, path) };
}

function takes({ name, type }: SpecField, value: unknown): boolean {
  if (name === 'off' && type === 'bool') return value === 'off';
  switch (type) {
    case 'string':
      return typeof value === 'string' && value !== 'off';
    case 'bool':
      return typeof value === 'boolean';
    case 'integer':
      return Number.isSafeInteger(value) && value !== 0;
    case 'double':
      return typeof value === 'number';
    default:
      return Array.isArray(value) ? isList(type) : typeof value === 'object' && value !== null && !isList(type);
  }
}

function modeOf(type: SpecType, key: string, value: Plain, path: string): Union {
  const { [key]: mode, ...settings } = value;
  const field = type.fields.find(({ name }) => name === mode);
  if (field === undefined) throw noPlace(path, value);
  return { $case: memberName(field.name), value: messageValue(field, settings, path) };
}

/** A message that stands for a list where a key may also be something else. */
const isList = ({ fields, union }: SpecType): boolean =>
  union === undefined && fields.length === 1 && fields[0]?.name === 'values' && fields[0].repeated;

const onlyField = ({ fields }: SpecType): SpecField => ({ ...fields[0], repeated: false }) as SpecField;

const noPlace = (path: string, value: unknown): MrpoError =>
  new MrpoError('internal', `${path}: the message has no place for ${JSON.stringify(value)}`);
