/** Something that is done, as a span to be. Attributes follow the semantic conventions of OpenTelemetry. */
export interface SpanStart {
  name: string;
  /** Whether it is done for somebody, or asked of somebody. */
  kind: 'server' | 'client';
  /** The place in a trace it belongs to; without one it begins a trace. */
  parent?: string | undefined;
  attributes: Record<string, string | number | boolean | undefined>;
}

/** A span under way. */
export interface OpenSpan {
  /** Its own place, for what belongs to it. */
  traceparent: string;
  /** Something else in a trace that has to do with it. */
  link(traceparent: string): void;
  /** @param error its code, or what it is called in one word */
  end(error?: string | number): void;
}

/** Port: opens spans; undefined while nobody collects them. */
export type StartSpan = (start: SpanStart) => OpenSpan | undefined;
