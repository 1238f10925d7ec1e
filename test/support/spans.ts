import { trace } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-base';

/** What an SDK in this process collects; the same one for all tests, because the API takes one only. */
const exporter = new InMemorySpanExporter();

/** Registers the SDK. Without it there are no spans. */
export function collectSpans(): { finished(): ReadableSpan[]; stop(): void } {
  exporter.reset();
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  return {
    finished: () => exporter.getFinishedSpans(),
    stop: () => trace.disable(),
  };
}

export const traceparentOf = (span: ReadableSpan): string =>
  `00-${span.spanContext().traceId}-${span.spanContext().spanId}-01`;
