/** Whether something is a `traceparent` (W3C Trace Context, version 00) that names a trace and a span. */
export function isTraceparent(value: unknown): value is string {
  return typeof value === 'string' && grammar.test(value);
}

const grammar = /^00-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;
