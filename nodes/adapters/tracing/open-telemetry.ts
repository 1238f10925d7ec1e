import {
  INVALID_SPAN_CONTEXT,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Attributes,
  type SpanContext,
} from '@opentelemetry/api';
import type { StartSpan } from '../../core/trace.ts';
import { isTraceparent } from '../../core/traceparent.ts';

const scope = '@llm-iot/node-red-hub';

/**
 * Spans by the API of OpenTelemetry, for whatever SDK the process was started with. Without one nothing is opened, and
 * a call costs next to nothing. Places in a trace come in and go out as `traceparent`, because the wires of a flow keep no
 * context of their own.
 */
export const startOpenTelemetrySpan: StartSpan = ({ name, kind, parent, attributes }) => {
  const context = parent === undefined ? undefined : spanContextOf(parent);
  const span = trace.getTracer(scope).startSpan(
    name,
    {
      kind: kind === 'server' ? SpanKind.SERVER : SpanKind.CLIENT,
      attributes: given(attributes),
    },
    context ? trace.setSpanContext(ROOT_CONTEXT, context) : ROOT_CONTEXT,
  );
  const own = span.spanContext();
  // Without an SDK a span is nothing, or its parent once more.
  if (!isSpanContextValid(own) || own.spanId === context?.spanId) return undefined;
  return {
    traceparent: traceparentOf(own),
    link(other) {
      const linked = spanContextOf(other);
      if (linked) span.addLink({ context: linked });
    },
    end(error) {
      if (error !== undefined) {
        span.setAttribute('error.type', String(error));
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
      span.end();
    },
  };
};

function spanContextOf(traceparent: string): SpanContext | undefined {
  if (!isTraceparent(traceparent)) return undefined;
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  return {
    ...INVALID_SPAN_CONTEXT,
    ...{ traceId, spanId },
    traceFlags: Number.parseInt(flags, 16),
    isRemote: true,
  };
}

function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

const given = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
