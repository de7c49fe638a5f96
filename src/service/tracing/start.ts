/**
 * Traces over OTLP/HTTP, on only where OTEL_EXPORTER_OTLP_ENDPOINT says where to; elsewhere every span is nothing. The
 * packages that send them are loaded then and not before.
 */
import { propagation, trace } from '@opentelemetry/api';

/** Traces that are being sent. */
export interface Tracing {
  /** Sends what is left, for two seconds at most. */
  shutdown(): Promise<void>;
}

const NONE: Tracing = { shutdown: () => Promise.resolve() };
const LAST_WORDS_MS = 2000;

/**
 * Starts sending the spans of this process. Never throws: a collector that is not there costs no run.
 * @param name What this process calls itself where OTEL_SERVICE_NAME does not say.
 */
export async function startTracing(
  env: Readonly<NodeJS.ProcessEnv>,
  name: string,
  onLog: (line: string) => void,
): Promise<Tracing> {
  const url = urlFrom(env);
  if (url === undefined) return NONE;
  try {
    const [{ OTLPTraceExporter }, { TracerProvider, BatchSpanProcessor }, { resourceFromAttributes }, core] =
      await Promise.all([
        import('@opentelemetry/exporter-trace-otlp-proto'),
        import('@opentelemetry/sdk-trace'),
        import('@opentelemetry/resources'),
        import('@opentelemetry/core'),
      ]);
    // An attempt to send keeps the process: by its own default for 10 s, long after what it did is done.
    const timeoutMillis = timeoutFrom(env);
    const provider = new TracerProvider({
      resource: resourceFromAttributes({ 'service.name': env['OTEL_SERVICE_NAME'] ?? name }),
      spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url, timeoutMillis }) })],
    });
    trace.setGlobalTracerProvider(provider);
    propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
    return {
      async shutdown() {
        const late = new Promise<void>((resolve) => setTimeout(resolve, LAST_WORDS_MS).unref());
        await Promise.race([provider.shutdown().catch(() => undefined), late]);
      },
    };
  } catch (thrown) {
    onLog(`no traces are sent: ${(thrown as Error).message}`);
    return NONE;
  }
}

/** As OpenTelemetry's specification has it: one address for everything, or one for traces alone. */
function urlFrom(env: Readonly<NodeJS.ProcessEnv>): string | undefined {
  const { OTEL_SDK_DISABLED: off, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own, OTEL_EXPORTER_OTLP_ENDPOINT: all } = env;
  if (off === 'true') return undefined;
  if (own !== undefined && own !== '') return own;
  return all === undefined || all === '' ? undefined : `${all.replace(/\/$/, '')}/v1/traces`;
}

/** Milliseconds; that of traces goes first, and what is empty or no time is not said. */
export function timeoutFrom(env: Readonly<NodeJS.ProcessEnv>): number {
  const said = [env['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'], env['OTEL_EXPORTER_OTLP_TIMEOUT']].map(Number);
  return said.find((ms) => Number.isFinite(ms) && ms > 0) ?? LAST_WORDS_MS;
}
