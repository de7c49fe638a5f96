/** What two descriptions of one gRPC service must agree on: paths, streams, and which calls may be repeated. */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { loadSync, type MessageTypeDefinition, type ServiceDefinition } from '@grpc/proto-loader';

export interface MethodShape {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly idempotency: string;
}

const UNKNOWN = 'IDEMPOTENCY_UNKNOWN';

/** From a service that proto-loader read. */
export function loadedShape(service: ServiceDefinition): Record<string, MethodShape> {
  return Object.fromEntries(
    Object.entries(service).map(([name, { path, requestStream, responseStream, options }]) => {
      const idempotency = (options as { idempotency_level?: string }).idempotency_level ?? UNKNOWN;
      return [name, { path, requestStream, responseStream, idempotency }];
    }),
  );
}

interface GeneratedMethod {
  readonly name: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly options: { readonly idempotencyLevel?: string };
}

/** From the generated definition; `paths` are those of the generated grpc-js service. */
export function generatedShape(
  methods: Readonly<Record<string, GeneratedMethod>>,
  paths: Readonly<Record<string, { readonly path: string }>>,
): Record<string, MethodShape> {
  return Object.fromEntries(
    Object.entries(methods).map(([key, { name, requestStream, responseStream, options }]) => [
      name,
      { path: paths[key]?.path ?? '', requestStream, responseStream, idempotency: options.idempotencyLevel ?? UNKNOWN },
    ]),
  );
}

interface FileDescriptor {
  readonly package: string;
  readonly service: readonly { readonly name: string; readonly method: readonly MethodDescriptor[] }[];
}

interface MethodDescriptor {
  readonly name: string;
  readonly clientStreaming: boolean;
  readonly serverStreaming: boolean;
  readonly options: { readonly idempotencyLevel: string } | null;
}

/** From serialised FileDescriptorProtos, as server reflection gives them. */
export function describedShape(
  files: readonly Buffer[],
  packageName: string,
  serviceName: string,
): Record<string, MethodShape> {
  const include = join(dirname(createRequire(import.meta.url).resolve('protoc/package.json')), 'include');
  const options = { includeDirs: [include], enums: String, defaults: true };
  const descriptor = loadSync('google/protobuf/descriptor.proto', options)['google.protobuf.FileDescriptorProto'];
  const decoded = files.map((file) => (descriptor as MessageTypeDefinition<object, FileDescriptor>).deserialize(file));
  const file = decoded.find((candidate) => candidate.package === packageName);
  const methods = file?.service.find(({ name }) => name === serviceName)?.method ?? [];
  return Object.fromEntries(
    methods.map((method) => [
      method.name,
      {
        path: `/${packageName}.${serviceName}/${method.name}`,
        requestStream: method.clientStreaming,
        responseStream: method.serverStreaming,
        idempotency: method.options?.idempotencyLevel ?? UNKNOWN,
      },
    ]),
  );
}
