/**
 * Calls of a client as OpenTelemetry spans, and their `traceparent` in the metadata. On for a channel that is dialled
 * while somebody traces (a tracer provider is registered); elsewhere a call costs nothing more.
 */
import {
  InterceptingCall,
  type CallOptions,
  type Metadata,
  status,
  type InterceptorOptions,
  type NextCall,
} from '@grpc/grpc-js';
import {
  context,
  propagation,
  ProxyTracerProvider,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Context,
  type TextMapSetter,
} from '@opentelemetry/api';

/** Where a call has no span around it. */
let outermost: Context = ROOT_CONTEXT;

/** In a process that does one piece of work: its span is above every call that has no nearer one. */
export function traceCallsBelow(work: Context): void {
  outermost = work;
}

/** Whether a program or this package has registered a tracer provider. */
export function isTraced(): boolean {
  const provider = trace.getTracerProvider();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegateTracer('mrpo') !== undefined;
}

const METADATA: TextMapSetter<Metadata> = { set: (metadata, key, value) => metadata.set(key, value) };

/** For a channel's `interceptors`. A training stream is one span. */
export function tracedCalls(options: InterceptorOptions, next: NextCall): InterceptingCall {
  const name = options.method_definition.path.slice(1);
  const [service = '', method = ''] = name.split('/');
  const attributes = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': method };
  const above = trace.getSpan(context.active()) === undefined ? outermost : context.active();
  const span = trace.getTracer('mrpo').startSpan(name, { kind: SpanKind.CLIENT, attributes }, above);
  return new InterceptingCall(next(options), {
    start(shared, _listener, begin) {
      const metadata = shared.clone(); // it is that of every call of the connection
      propagation.inject(trace.setSpan(above, span), metadata, METADATA);
      begin(metadata, {
        onReceiveStatus(outcome, pass) {
          span.setAttribute('rpc.grpc.status_code', outcome.code);
          if (outcome.code !== status.OK && outcome.code !== status.CANCELLED)
            span.setStatus({ code: SpanStatusCode.ERROR, message: status[outcome.code] ?? '' });
          span.end();
          pass(outcome);
        },
      });
    },
  });
}

/** Options of a call that is no part of a trace: the interceptors of a call, if there are any, replace those of its channel. */
export const untracedCall = (): Pick<CallOptions, 'interceptors'> => ({
  interceptors: [(options, next) => new InterceptingCall(next(options))],
});
