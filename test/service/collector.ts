/** A collector of traces that keeps what it is sent: OTLP/HTTP, protobuf. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { BinaryReader } from '@bufbuild/protobuf/wire';

/** A span as it was sent; ids in hexadecimal. */
export interface SentSpan {
  readonly name: string;
  readonly trace: string;
  readonly id: string;
  /** Empty: a root. */
  readonly parent: string;
}

export interface Collector {
  readonly endpoint: string;
  readonly spans: readonly SentSpan[];
  close(): void;
}

export async function startCollector(): Promise<Collector> {
  const spans: SentSpan[] = [];
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      if (request.url === '/v1/traces') spans.push(...spansOf(body));
      response.end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, spans, close: () => server.close() };
}

/** ExportTraceServiceRequest.resource_spans[].scope_spans[].spans[]. */
function spansOf(request: Uint8Array): SentSpan[] {
  return bytesOf(request, 1)
    .flatMap((resource) => bytesOf(resource, 2))
    .flatMap((scope) => bytesOf(scope, 2))
    .map((span) => {
      const [trace, id, parent, name] = [1, 2, 4, 5].map((field) => Buffer.from(bytesOf(span, field)[0] ?? []));
      const hex = (bytes: Buffer | undefined): string => bytes?.toString('hex') ?? '';
      return { name: name?.toString() ?? '', trace: hex(trace), id: hex(id), parent: hex(parent) };
    });
}

/** Every value of a field that is bytes, a text or a message. */
function bytesOf(message: Uint8Array, wanted: number): Uint8Array[] {
  const reader = new BinaryReader(message);
  const found: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === wanted) found.push(reader.bytes());
    else reader.skip(wire);
  }
  return found;
}
