/** The W3C's `traceparent`: a span as a text that travels and is kept. */
import { isSpanContextValid, propagation, ROOT_CONTEXT, type Context, type Span } from '@opentelemetry/api';

/** Undefined: nobody traces. */
export function traceParentOf(span: Span): string | undefined {
  const own = span.spanContext();
  if (!isSpanContextValid(own)) return undefined;
  return `00-${own.traceId}-${own.spanId}-${own.traceFlags.toString(16).padStart(2, '0')}`;
}

/** The context below such a span. */
export const contextBelow = (traceparent: string | undefined): Context =>
  traceparent === undefined ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, { traceparent });
