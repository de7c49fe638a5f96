/** The grpcurl lines of the documentation: their methods, fields and enum values are those of the .proto. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EnumTypeDefinition, MessageTypeDefinition, ServiceDefinition } from '@grpc/proto-loader';
import { expect, it } from 'vitest';
import { PROJECT_ROOT } from '../../src/backend/python.js';
import { runsDefinition, SERVICE_NAME } from '../../src/service/protocol/schema.js';

interface Field {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly typeName: string;
}

const service = runsDefinition()[SERVICE_NAME] as ServiceDefinition;
const text = readFileSync(join(PROJECT_ROOT, 'docs', 'service.md'), 'utf8');
const lines = [...text.matchAll(/^grpcurl .*?(?:-d '(\{[^']*\})')?[\s\\]+[\w.:]+ mrpo\.runs\.v1\.RunService\/(\w+)/gm)];

/** Every place of a JSON message that the type has not. */
function wrong(value: unknown, type: string, path: string): string[] {
  const definition = runsDefinition()[`mrpo.runs.v1.${type}`];
  if (definition === undefined) return []; // a map
  if ('value' in definition.type) {
    const { type: enumType } = definition as EnumTypeDefinition;
    const names = (enumType as { value: { name: string }[] }).value.map(({ name }) => name);
    return names.includes(value as string) ? [] : [`${path}: ${String(value)}`];
  }
  const fields = ((definition as MessageTypeDefinition<object, object>).type as { field: Field[] }).field;
  return Object.entries(value as Record<string, unknown>).flatMap(([name, inner]) => {
    const field = fields.find((one) => one.name === name);
    if (field === undefined) return [`${path}.${name}`];
    if (!/TYPE_(MESSAGE|ENUM)/.test(field.type)) return [];
    const values = Array.isArray(inner) ? (inner as unknown[]) : [inner];
    return values.flatMap((one) => wrong(one, field.typeName, `${path}.${name}`));
  });
}

it('name what there is, and show the whole cycle', () => {
  const methods = lines.map(([, , method = '']) => method);
  expect(methods).toEqual(expect.arrayContaining(['CreateRun', 'WatchRun', 'GetRun', 'CancelRun', 'DownloadArtifact']));
  const mistakes = lines.flatMap(([, json = '{}', method = '']) => {
    const definition = service[method];
    if (definition === undefined) return [method];
    const request = (definition.requestType as unknown as { type: { name: string } }).type.name;
    return wrong(JSON.parse(json), request, method);
  });
  expect(mistakes).toEqual([]);
  expect(wrong({ run_id: 'a', spec: { nothing: 1 } }, 'CreateRunRequest', 'CreateRun')).toEqual([
    'CreateRun.spec.nothing',
  ]);
  expect(wrong({ artifact: 'ARTIFACT_NONE' }, 'DownloadArtifactRequest', '')).toHaveLength(1);
});
