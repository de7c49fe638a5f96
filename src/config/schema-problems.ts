/** What the schema says against a configuration, in words: expected, got, and the nearest valid name. */
import type { z } from 'zod';

import { describeValue } from '../core/describe-value.js';
import { alternatives, configJsonSchema, configKeyPaths, keysAt, schemasAt, type SchemaNode } from './json-schema.js';
import { formatPath, valueAt, type ConfigPath } from './path.js';
import { nearestName } from './problem.js';

type Issue = z.core.$ZodIssue;

/** A problem before it is known where the user wrote it; `key` = the problem is this key of the object at `path`. */
export interface SchemaProblem {
  readonly path: ConfigPath;
  readonly message: string;
  readonly key?: string | undefined;
}

/** Turns zod's issues about a value into problems, in the order of the issues. */
export function schemaProblems(issues: readonly Issue[], value: unknown): SchemaProblem[] {
  const schema = configJsonSchema();
  return issues.flatMap((issue) => describeIssue(issue, value, schema));
}

function describeIssue(issue: Issue, root: unknown, schema: SchemaNode): SchemaProblem[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const got = valueAt(root, path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path, key, message: unknownKey(key, path, got, schema) }));
    case 'invalid_type':
      if (got === undefined) return [{ path, message: `missing; expected ${expectedAt(schema, path)}` }];
      return [{ path, message: `expected ${expectedAt(schema, path)}, got ${describeValue(got)}` }];
    case 'invalid_value':
      return [
        {
          path,
          message: `expected ${expectedAt(schema, path)}, got ${describeValue(got)}${suggest(got, schema, path)}`,
        },
      ];
    case 'too_small':
    case 'too_big':
      return [{ path, message: `${limit(issue)}, got ${describeValue(got)}` }];
    case 'invalid_union':
      return describeUnion(issue, path, root, schema);
    default:
      return [{ path, message: `${issue.message}, got ${describeValue(got)}` }];
  }
}

/** Of the alternatives of a union, the one the user must have meant; else all of them. */
function describeUnion(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: ConfigPath,
  root: unknown,
  schema: SchemaNode,
): SchemaProblem[] {
  const meant = issue.errors.filter(
    (inner) => inner.length > 0 && inner.every((entry) => entry.path.length > 0 || !isShapeMismatch(entry)),
  );
  const best = meant[0];
  if (best !== undefined) {
    return best.flatMap((inner) => describeIssue({ ...inner, path: [...path, ...inner.path] }, root, schema));
  }
  const got = valueAt(root, path);
  if (got === undefined) return [{ path, message: `missing; expected ${expectedAt(schema, path)}` }];
  return [
    { path, message: `expected ${expectedAt(schema, path)}, got ${describeValue(got)}${suggest(got, schema, path)}` },
  ];
}

const isShapeMismatch = (issue: Issue): boolean => issue.code === 'invalid_type' || issue.code === 'invalid_value';

function unknownKey(key: string, parent: ConfigPath, value: unknown, schema: SchemaNode): string {
  const here = keysAt(schema, parent, value);
  const near = nearestName(key, here);
  if (near !== undefined) return `unknown key ${JSON.stringify(key)}; did you mean ${JSON.stringify(near)}?`;
  const elsewhere = configKeyPaths().find((path) => path.at(-1) === key && !path.includes(0));
  if (elsewhere !== undefined) return `unknown key ${JSON.stringify(key)} here; it belongs at ${formatPath(elsewhere)}`;
  return `unknown key ${JSON.stringify(key)}; expected ${here.join(', ')}`;
}

function suggest(got: unknown, schema: SchemaNode, path: ConfigPath): string {
  if (typeof got !== 'string') return '';
  const near = nearestName(got, namedValues(schemasAt(schema, path)));
  return near === undefined ? '' : `; did you mean ${JSON.stringify(near)}?`;
}

const namedValues = (nodes: readonly SchemaNode[]): string[] =>
  nodes
    .flatMap((node) => [...(node.enum ?? []), ...(node.const === undefined ? [] : [node.const])])
    .filter((name) => typeof name === 'string');

/** What may stand at a path, in words. */
function expectedAt(schema: SchemaNode, path: ConfigPath): string {
  const nodes = schemasAt(schema, path);
  const words = [...namedValues(nodes), ...nodes.flatMap(describeNode)];
  return [...new Set(words)].join(' | ') || 'another value';
}

function describeNode(node: SchemaNode): string[] {
  if (node.enum !== undefined || node.const !== undefined) return [];
  if (node.properties !== undefined) return [`{ ${Object.keys(node.properties).join(', ')} }`];
  if (node.items !== undefined) {
    const entries = alternatives(node.items).map((item) =>
      item.properties === undefined ? (describeNode(item)[0] ?? 'values') : 'entries',
    );
    return [`a list of ${entries.join(' or ')}`];
  }
  const names: Readonly<Record<string, string>> = {
    string: 'text',
    number: 'a number',
    integer: 'a whole number',
    boolean: 'true | false',
  };
  return [names[node.type ?? ''] ?? 'a value'];
}

function limit(issue: Extract<Issue, { code: 'too_small' | 'too_big' }>): string {
  const [bound, below] = issue.code === 'too_small' ? [issue.minimum, 'at least'] : [issue.maximum, 'at most'];
  const strict = issue.code === 'too_small' ? 'more than' : 'less than';
  const relation = issue.inclusive === false ? strict : below;
  if (issue.origin === 'string')
    return Number(bound) === 1 ? 'expected text, not empty' : `expected ${relation} ${bound} characters`;
  if (issue.origin === 'array') return `expected ${relation} ${bound} ${Number(bound) === 1 ? 'entry' : 'entries'}`;
  return `expected ${relation} ${bound}`;
}
