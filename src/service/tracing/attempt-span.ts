/** An attempt of a run as a span, with one for each stage, in the trace of the call that has ordered the run. */
import { SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import type { JournalWriter } from '../journal/append.js';
import type { NewLine } from '../journal/line.js';
import { traceCallsBelow } from '../../rpc/traced-calls.js';
import { contextBelow } from './trace-parent.js';

/** What is known of an attempt when it begins. */
export interface AttemptFacts {
  readonly run: string;
  readonly backend: string;
  /** Of the call that has ordered the run. */
  readonly traceParent: string | undefined;
}

/** The same journal; what is written to it is traced too, and calls of this process are traced below the attempt. */
export function traced(journal: JournalWriter, { run, backend, traceParent }: AttemptFacts): JournalWriter {
  const tracer = trace.getTracer('mrpo');
  const attributes = { 'mrpo.run': run, 'mrpo.backend': backend };
  const attempt = tracer.startSpan('attempt', { attributes }, contextBelow(traceParent));
  const inside = trace.setSpan(contextBelow(undefined), attempt);
  traceCallsBelow(inside);
  let stage: Span | undefined;
  const note = (line: NewLine): void => {
    if (line.type === 'stage') {
      stage?.end();
      stage = tracer.startSpan(line.stage, { attributes }, inside);
    } else if (line.type === 'step') {
      stage?.setAttributes({ 'mrpo.step': line.step, 'mrpo.steps': line.totalSteps });
    } else if (line.type === 'recovery') {
      attempt.addEvent('recovery', { reason: line.reason });
    } else if (line.type === 'resumed') {
      attempt.addEvent('resumed', { step: line.step });
    } else if (line.type === 'ended') {
      attempt.setAttribute('mrpo.outcome', line.outcome);
      if (line.outcome === 'failed') attempt.setStatus({ code: SpanStatusCode.ERROR, message: line.reason ?? '' });
    }
  };
  return {
    append(line) {
      journal.append(line);
      note(line);
    },
    close() {
      stage?.end();
      attempt.end();
      journal.close();
    },
  };
}
