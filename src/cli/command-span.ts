/**
 * A command as an OpenTelemetry span, above the calls that it makes of a backend or a service, and below whoever says in
 * TRACEPARENT that it is part of his work.
 */
import { SpanStatusCode, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { traceCallsBelow } from '../rpc/traced-calls.js';
import { startTracing } from '../service/tracing/start.js';
import { contextBelow } from '../service/tracing/trace-parent.js';
import type { CliIo } from './command.js';

/** Commands that serve: their callers' spans are what there is to see. */
const SERVING: readonly string[] = ['serve', 'backend', 'page'];

/** Runs a command line. @param run Gives its exit code. */
export async function tracedCommand(argv: readonly string[], io: CliIo, run: () => Promise<number>): Promise<number> {
  const name = argv.find((argument) => !argument.startsWith('-')) ?? '';
  if (SERVING.includes(name)) return run();
  const tracing = await startTracing(io.env, 'mrpo', (line) => io.note(`${line}\n`));
  const above = contextBelow(io.env['TRACEPARENT']);
  const span = trace.getTracer('mrpo').startSpan(`mrpo ${name}`, {}, above);
  traceCallsBelow(trace.setSpan(above, span));
  try {
    const code = await run();
    span.setAttribute('mrpo.exit_code', code);
    if (code !== 0) span.setStatus({ code: SpanStatusCode.ERROR });
    return code;
  } finally {
    traceCallsBelow(ROOT_CONTEXT);
    span.end();
    await tracing.shutdown();
  }
}
