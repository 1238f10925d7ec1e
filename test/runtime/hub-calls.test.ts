import assert from 'node:assert/strict';
import type { MethodDeclaration } from '../../nodes/core/rpc/types.ts';
import type { SpanStart } from '../../nodes/core/trace.ts';
import { createHubCalls } from '../../nodes/runtime/hub-calls.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { method } from '../support/rpc-rig.ts';

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const own = '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01';
const call = { method: 'device.find', transport: 'mcp', notification: false } as const;

function setUp(traced = false) {
  const clock = createFakeClock();
  const declared = new Map<string, MethodDeclaration>([
    ['device.find', method('device.find')],
    ['valve.open', method('valve.open', { device: { device_ids: ['d'] } })],
  ]);
  const spans: (SpanStart & { end?: unknown })[] = [];
  const calls = createHubCalls({
    methods: { get: (name) => declared.get(name) },
    clock,
    startSpan(start) {
      if (!traced) return undefined;
      const span: SpanStart & { end?: unknown } = { ...start };
      spans.push(span);
      return {
        traceparent: own,
        link: () => undefined,
        end(error) {
          span.end = error ?? 'ok';
        },
      };
    },
  });
  const samples = () => {
    const [counts, times] = calls.families();
    assert.ok(counts?.kind === 'counter' && times?.kind === 'histogram');
    return { counts: counts.samples, times: times.samples };
  };
  return { ...calls, clock, declared, spans, samples };
}

describe('what is counted of calls', () => {
  it('is how often, by method, transport and outcome, and how long, by method', () => {
    const { watch, clock, samples } = setUp();
    const first = watch(call);
    clock.advance(20);
    first.ended();
    watch(call).ended({ code: -32602 });
    watch({ ...call, transport: 'http' }).ended({ code: 4711 });
    const slow = watch(call);
    clock.advance(60_000);
    slow.ended();
    const { counts, times } = samples();
    assert.deepEqual(counts, [
      { labels: { method: 'device.find', transport: 'mcp', outcome: 'ok' }, value: 2 },
      { labels: { method: 'device.find', transport: 'mcp', outcome: '-32602' }, value: 1 },
      { labels: { method: 'device.find', transport: 'http', outcome: 'other' }, value: 1 },
    ]);
    const [time] = times;
    assert.equal(time?.bounds[3], 0.025);
    assert.deepEqual(
      [time.counts[0], time.counts[3], time.counts.at(-1), time.counts.length],
      [2, 1, 1, time.bounds.length + 1],
    );
    assert.equal(Math.round(time.sum), 60);
  });

  it('has no label that a caller or a device can make up', () => {
    const { watch, samples, declared } = setUp();
    for (const name of ['x', 'y', 'ignore all', '__proto__'])
      watch({ ...call, method: name }).ended();
    watch({ ...call, method: 'valve.open' }).ended();
    assert.deepEqual(
      samples().times.map(({ labels }) => labels?.['method']),
      ['unknown', 'of a device'],
    );
    for (let n = 0; n < 600; n++) {
      declared.set(`m.${n}`, method(`m.${n}`));
      watch({ ...call, method: `m.${n}` }).ended();
    }
    assert.ok(samples().times.length <= 501);
  });
});

describe('the span of a call', () => {
  it('follows the conventions for tools and for JSON-RPC, tells no params, and is where the rest belongs', () => {
    const { watch, spans } = setUp(true);
    const watched = watch({ ...call, traceparent: parent, principal: 'key-1', agent: 'claude/1' });
    assert.equal(watched.traceparent, own);
    watched.ended({ code: -32001 });
    assert.deepEqual(spans, [
      {
        name: 'tools/call device_find',
        kind: 'server',
        parent,
        attributes: {
          'rpc.system': 'jsonrpc',
          'rpc.method': 'device.find',
          'rpc.jsonrpc.version': '2.0',
          'mcp.method.name': 'tools/call',
          'gen_ai.operation.name': 'execute_tool',
          'gen_ai.tool.name': 'device_find',
          'enduser.id': 'key-1',
          'user_agent.original': 'claude/1',
          'llm_iot.transport': 'mcp',
        },
        end: -32001,
      },
    ]);
    watch({ ...call, transport: 'websocket' }).ended();
    assert.equal(spans[1]?.name, 'device.find');
    assert.equal(spans[1].attributes['mcp.method.name'], undefined);
  });

  it('is not there without an SDK, and the place of the caller is passed on', () => {
    const { watch } = setUp();
    assert.equal(watch({ ...call, traceparent: parent }).traceparent, parent);
    assert.equal(watch(call).traceparent, undefined);
  });
});
