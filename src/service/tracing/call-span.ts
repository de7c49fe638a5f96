/** A call of the service as a span, below the caller's own where he sends one (`traceparent`). */
import { propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type TextMapGetter } from '@opentelemetry/api';
import type { Metadata } from '@grpc/grpc-js';
import { SERVICE_NAME } from '../protocol/schema.js';
import { traceParentOf } from './trace-parent.js';

/** A call that is being traced. */
export interface CallSpan {
  /** For what comes of the call later, elsewhere. Undefined: nobody traces. */
  readonly traceParent: string | undefined;
  /** outcome: ok, gone, or the reason of the refusal. */
  end(outcome: string, caller: string | undefined): void;
}

const METADATA: TextMapGetter<Metadata> = {
  keys: (metadata) => Object.keys(metadata.getMap()),
  get: (metadata, key) => metadata.get(key).map(String),
};

/** @param name As the generated code spells it: "createRun". */
export function startCallSpan(name: string, metadata: Metadata): CallSpan {
  const method = `${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`;
  const attributes = { 'rpc.system': 'grpc', 'rpc.service': SERVICE_NAME, 'rpc.method': method };
  const from = propagation.extract(ROOT_CONTEXT, metadata, METADATA);
  const span = trace
    .getTracer('mrpo')
    .startSpan(`${SERVICE_NAME}/${method}`, { kind: SpanKind.SERVER, attributes }, from);
  return {
    traceParent: traceParentOf(span),
    end(outcome, caller) {
      span.setAttributes({ 'mrpo.outcome': outcome, ...(caller !== undefined && { 'mrpo.caller': caller }) });
      if (outcome !== 'ok' && outcome !== 'gone') span.setStatus({ code: SpanStatusCode.ERROR, message: outcome });
      span.end();
    },
  };
}
