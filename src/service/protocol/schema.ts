/** The protocol as data, read from the .proto files at run time: for reflection, and for messages of any shape. */
import { join } from 'node:path';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { PROJECT_ROOT } from '../../backend/python.js';

const PACKAGE = 'mrpo.runs.v1';
/** Full name of the service: "mrpo.runs.v1.RunService". */
export const SERVICE_NAME = `${PACKAGE}.RunService`;
/** Absolute path of the folder that .proto files are imported from. */
const PROTO_FOLDER = join(PROJECT_ROOT, 'proto');

let loaded: PackageDefinition | undefined;

/** The loaded protocol; read once. Field names as in the .proto. */
export const runsDefinition = (): PackageDefinition =>
  (loaded ??= loadSync('mrpo/runs/v1/runs.proto', { includeDirs: [PROTO_FOLDER], keepCase: true }));

/** A field, in the terms of the configuration. */
export interface SpecField {
  /** As in the .proto and in the configuration: snake_case. */
  readonly name: string;
  readonly repeated: boolean;
  /** map<string, string>. */
  readonly isMap: boolean;
  readonly type: 'string' | 'bool' | 'integer' | 'double' | SpecType;
}

/** One message type of a configuration, as the converters need it. */
export interface SpecType {
  readonly name: string;
  readonly fields: readonly SpecField[];
  /** Name of the oneof of a message that stands for one of several kinds or modes. */
  readonly union: 'kind' | 'mode' | 'method' | undefined;
}

interface Descriptor {
  readonly name: string;
  readonly field: readonly {
    readonly name: string;
    readonly label: string;
    readonly type: string;
    readonly typeName: string;
  }[];
  readonly oneofDecl: readonly { readonly name: string }[];
}

const SCALARS: Readonly<Record<string, SpecField['type']>> = {
  TYPE_STRING: 'string',
  TYPE_BOOL: 'bool',
  TYPE_INT64: 'integer',
  TYPE_DOUBLE: 'double',
};

const types = new Map<string, SpecType>();

/** A message of a spec. */
export function specType(name: string): SpecType {
  const known = types.get(name);
  if (known !== undefined) return known;
  const { field, oneofDecl } = runsDefinition()[`${PACKAGE}.${name}`]?.type as Descriptor;
  const union = oneofDecl.map((declared) => declared.name).find((one) => /^(kind|mode|method)$/.test(one));
  const type: SpecType = { name, union: union as SpecType['union'], fields: field.map(fieldOf) };
  types.set(name, type);
  return type;
}

function fieldOf({ name, label, type, typeName }: Descriptor['field'][number]): SpecField {
  const repeated = label === 'LABEL_REPEATED';
  const scalar = SCALARS[type];
  if (scalar !== undefined) return { name, repeated, isMap: false, type: scalar };
  // A map is a list of a message that the package does not have.
  if (runsDefinition()[`${PACKAGE}.${typeName}`] === undefined)
    return { name, repeated: false, isMap: true, type: 'string' };
  return { name, repeated, isMap: false, type: specType(typeName) };
}
