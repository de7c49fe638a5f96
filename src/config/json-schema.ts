/** The configuration's JSON Schema: for editors, for error messages and for the starter file. */
import { z } from 'zod';

import { valueAt, type ConfigPath } from './path.js';
import { runSchema } from './schema.js';

/** The part of JSON Schema that zod writes for this configuration. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly required?: readonly string[];
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

let schema: SchemaNode | undefined;
let keyPaths: readonly ConfigPath[] | undefined;

/** Schema of what a user writes: defaults not yet applied. Made once: a matrix loads hundreds of configurations. */
export const configJsonSchema = (): SchemaNode => (schema ??= z.toJSONSchema(runSchema, { io: 'input' }) as SchemaNode);

/** Every key of the configuration as a path; list entries count as position 0. */
export const configKeyPaths = (): readonly ConfigPath[] => (keyPaths ??= keyPathsOf(configJsonSchema()));

/** The schema file, exactly as it is committed. */
export function configJsonSchemaText(): string {
  const { $schema, ...rest } = configJsonSchema() as SchemaNode & { readonly $schema?: string };
  return `${JSON.stringify({ $schema, title: 'mrpo run configuration', ...rest }, undefined, 2)}\n`;
}

/** A node and every alternative inside it. */
export function alternatives(node: SchemaNode): readonly SchemaNode[] {
  const inner = node.anyOf ?? node.oneOf;
  return inner === undefined ? [node] : inner.flatMap(alternatives);
}

/** Every schema that a value at this path may have. */
export function schemasAt(root: SchemaNode, path: ConfigPath): readonly SchemaNode[] {
  let nodes = alternatives(root);
  for (const step of path) {
    const next = nodes.map((node) => (typeof step === 'number' ? node.items : node.properties?.[step]));
    nodes = next.filter((node) => node !== undefined).flatMap(alternatives);
  }
  return nodes;
}

/** Names of the keys that are valid in the object at this path; of a union, those of the shape that `value` says it has. */
export function keysAt(root: SchemaNode, path: ConfigPath, value: unknown): readonly string[] {
  const contradicts = (node: SchemaNode): boolean =>
    Object.entries(node.properties ?? {}).some(
      ([key, child]) => child.const !== undefined && valueAt(value, [key]) !== child.const,
    );
  const nodes = schemasAt(root, path).filter((node) => !contradicts(node));
  return [...new Set(nodes.flatMap((node) => Object.keys(node.properties ?? {})))];
}

function keyPathsOf(node: SchemaNode, path: ConfigPath = []): ConfigPath[] {
  const paths = alternatives(node).flatMap((alternative) => [
    ...Object.entries(alternative.properties ?? {}).flatMap(([key, child]) => [
      [...path, key],
      ...keyPathsOf(child, [...path, key]),
    ]),
    ...(alternative.items === undefined ? [] : keyPathsOf(alternative.items, [...path, 0])),
  ]);
  return [...new Map(paths.map((entry) => [JSON.stringify(entry), entry])).values()];
}
