import assert from 'node:assert/strict';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { startOpenTelemetrySpan } from '../../../nodes/adapters/tracing/open-telemetry.ts';
import { isTraceparent } from '../../../nodes/core/traceparent.ts';
import { collectSpans, traceparentOf } from '../../support/spans.ts';

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const start = { name: 'device.get', kind: 'server', attributes: { a: 1, b: undefined } } as const;

describe('spans by OpenTelemetry', () => {
  it('are none while no SDK is registered, with a parent or without', () => {
    assert.equal(startOpenTelemetrySpan(start), undefined);
    assert.equal(startOpenTelemetrySpan({ ...start, parent }), undefined);
  });

  it('belong to the traceparent they are given, and have one of their own', () => {
    const spans = collectSpans();
    const open = startOpenTelemetrySpan({ ...start, parent });
    assert.ok(open && isTraceparent(open.traceparent));
    const other = startOpenTelemetrySpan({ ...start, kind: 'client', parent: open.traceparent });
    other?.link(parent);
    other?.end('timeout');
    open.end();
    const [inner, outer] = spans.finished();
    assert.ok(inner && outer);
    assert.equal(outer.spanContext().traceId, parent.split('-')[1]);
    assert.equal(outer.parentSpanContext?.spanId, parent.split('-')[2]);
    assert.equal(outer.kind, SpanKind.SERVER);
    assert.deepEqual(outer.attributes, { a: 1 });
    assert.equal(traceparentOf(outer), open.traceparent);
    assert.equal(inner.parentSpanContext?.spanId, outer.spanContext().spanId);
    assert.equal(inner.kind, SpanKind.CLIENT);
    assert.equal(inner.status.code, SpanStatusCode.ERROR);
    assert.equal(inner.attributes['error.type'], 'timeout');
    assert.equal(inner.links[0]?.context.spanId, parent.split('-')[2]);
    spans.stop();
  });

  it('begin a trace where the parent is none', () => {
    const spans = collectSpans();
    startOpenTelemetrySpan({ ...start, parent: 'nonsense' })?.end();
    startOpenTelemetrySpan(start)?.end();
    const traces = spans.finished().map((span) => span.spanContext().traceId);
    assert.equal(new Set(traces).size, 2);
    spans.stop();
  });
});
