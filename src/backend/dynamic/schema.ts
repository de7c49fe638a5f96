/** The protocol as data, read from the .proto at run time: methods, and the fields that a request may have. */
import { join } from 'node:path';
import { loadSync, type MethodDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { closest } from 'fastest-levenshtein';
import { MrpoError } from '../../core/errors.js';
import { PROJECT_ROOT } from '../python.js';

/** A method with the codecs of its messages. */
export type DynamicMethod = MethodDefinition<object, object>;

/** A message type as descriptor.proto has it; only what is used here. */
interface MessageType {
  readonly name: string;
  readonly field: readonly Field[];
  readonly nestedType: readonly MessageType[];
}

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

const PACKAGE = 'mrpo.backend.v1';

/** Field names as in the .proto, enums by name, NaN and infinities as text. */
const definition = () =>
  loadSync('mrpo/backend/v1/backend.proto', {
    includeDirs: [join(PROJECT_ROOT, 'proto')],
    keepCase: true,
    enums: String,
    longs: Number,
    json: true,
    defaults: true,
    oneofs: true,
  });

/** The protocol as it is read at run time: for listing methods and checking requests typed by hand. */
export interface DynamicService {
  /** By name, as the .proto spells them. */
  readonly methods: Readonly<Record<string, DynamicMethod>>;
  /** The method of a name in any case. Throws code `usage` with the nearest name. */
  method(name: string): DynamicMethod;
  /** Throws code `usage` for a key that the request does not have, at any depth. */
  checkRequest(method: DynamicMethod, request: unknown): void;
  /** One line: `Score(row_set: string, rows: int32[], adapter_off: bool) -> stream ScoreResponse`. */
  signature(name: string): string;
}

/** Reads `BackendService` from the .proto of this package. */
export function loadService(): DynamicService {
  const loaded = definition();
  const methods = loaded[`${PACKAGE}.BackendService`] as ServiceDefinition;
  const requestOf = (method: DynamicMethod): MessageType => method.requestType.type as MessageType;
  const typeOf = (field: Field, owner: MessageType): MessageType | undefined => {
    if (field.type !== 'TYPE_MESSAGE') return undefined;
    const nested = owner.nestedType.find(({ name }) => name === field.typeName);
    return nested ?? ((loaded[`${PACKAGE}.${field.typeName}`] as { type: object } | undefined)?.type as MessageType);
  };
  return {
    methods,
    method(name) {
      const names = Object.keys(methods);
      const known = names.find((candidate) => candidate.toLowerCase() === name.toLowerCase());
      const method = known === undefined ? undefined : methods[known];
      if (method !== undefined) return method;
      throw new MrpoError('usage', `no method "${name}"; expected one of ${names.join(', ')}`, {
        hint: `Did you mean ${closest(name, names)}?`,
      });
    },
    checkRequest(method, request) {
      checkKeys(request, requestOf(method), '', typeOf);
    },
    signature(name) {
      const method = this.method(name);
      const fields = requestOf(method).field.map((field) => `${field.name}: ${typeName(field)}`);
      const stream = (streams: boolean): string => (streams ? 'stream ' : '');
      const answer = `${stream(method.responseStream)}${(method.responseType.type as MessageType).name}`;
      return `${method.path.split('/').at(-1) ?? name}(${stream(method.requestStream)}${fields.join(', ')}) -> ${answer}`;
    },
  };
}

function checkKeys(
  value: unknown,
  type: MessageType,
  path: string,
  typeOf: (field: Field, owner: MessageType) => MessageType | undefined,
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MrpoError('usage', `${path === '' ? 'request' : path}: got ${JSON.stringify(value)}, expected an object`);
  }
  for (const [key, member] of Object.entries(value)) {
    const field = type.field.find(({ name }) => name === key);
    const where = path === '' ? key : `${path}.${key}`;
    if (field === undefined) {
      const names = type.field.map(({ name }) => name);
      throw new MrpoError('usage', `${where}: ${type.name} has no such field`, {
        hint:
          names.length === 0 ? 'It has no fields.' : `Did you mean ${closest(key, names)}? It has ${names.join(', ')}.`,
      });
    }
    const inner = typeOf(field, type);
    if (inner === undefined) continue;
    const members: readonly unknown[] = field.label === 'LABEL_REPEATED' && Array.isArray(member) ? member : [member];
    members.forEach((item, i) => checkKeys(item, inner, members.length > 1 ? `${where}[${i}]` : where, typeOf));
  }
}

function typeName({ type, typeName: named, label }: Field): string {
  const name = named === '' ? type.replace('TYPE_', '').toLowerCase() : named;
  return label === 'LABEL_REPEATED' ? `${name}[]` : name;
}
