/** What is no part of a trace: questions that only ask whether somebody is there. And how long sending one may take. */
import { setTimeout as sleep } from 'node:timers/promises';
import { INVALID_SPAN_CONTEXT, ProxyTracerProvider, trace, type Tracer } from '@opentelemetry/api';
import { expect, it, onTestFinished } from 'vitest';
import { connectBackend } from '../../src/backend/grpc/client.js';
import { createMemoryBackend } from '../../src/backend/memory.js';
import { timeoutFrom } from '../../src/service/tracing/start.js';
import { serveBackend } from '../backend/support/serve-backend.js';

it('makes no spans of them, neither while a call is open nor between calls', async () => {
  const spans: string[] = [];
  const startSpan: Tracer['startSpan'] = (name) => {
    spans.push(name.replace(/^.*\//, ''));
    return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
  };
  trace.setGlobalTracerProvider({ getTracer: () => ({ startSpan }) as Tracer });
  onTestFinished(() => trace.disable());
  expect(trace.getTracerProvider()).toBeInstanceOf(ProxyTracerProvider);

  const inner = createMemoryBackend();
  let asked = 0;
  const info = async (): ReturnType<typeof inner.info> => {
    asked += 1;
    return { ...(await inner.info()), clientGraceSeconds: 0.2 };
  };
  const identifyModel: typeof inner.identifyModel = async (spec, call) => {
    await sleep(300);
    return inner.identifyModel(spec, call);
  };
  const served = await serveBackend({ ...inner, info, identifyModel });
  onTestFinished(() => served.kill());
  const backend = await connectBackend({ address: served.address, silenceMs: 400 });
  onTestFinished(() => backend.close());
  await backend.identifyModel({ source: 'toy:a' });
  expect(asked).toBeGreaterThan(3);
  expect(spans).toEqual(['GetServerInfo', 'IdentifyModel']);
});

it.each([
  [{}, 2000],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: '' }, 2000],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: 'soon' }, 2000],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: '300' }, 300],
  [{ OTEL_EXPORTER_OTLP_TIMEOUT: '300', OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '400' }, 400],
])('reads from %j that sending may take %i ms', (env, ms) => {
  expect(timeoutFrom(env)).toBe(ms);
});
