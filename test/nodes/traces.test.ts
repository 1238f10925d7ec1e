import assert from 'node:assert/strict';
import { SpanKind } from '@opentelemetry/api';
import {
  joinRig,
  startRig,
  type NodeRig,
  type RigDevice,
  type TestNode,
} from '../support/node-rig.ts';
import { collectSpans, traceparentOf } from '../support/spans.ts';
import { until } from '../support/until.ts';

const caller = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const ofDevice = '00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01';

const nodes: TestNode[] = [
  {
    id: 'answers',
    type: 'llm-iot-mqtt-in',
    branch: 'command-response',
    outputs: 2,
    to: [['result']],
  },
  { id: 'result', type: 'llm-iot-command-result', outputs: 1 },
  {
    id: 'call',
    type: 'llm-iot-rpc-in',
    method: 'lamp.set',
    params: '{"type":"object"}',
    roles: ['llm_write'],
    description: 'Lights a lamp',
    result: '{}',
    ...{ readOnly: false, destructive: false, deviceMethods: false, open: false },
    timeout: '10',
    to: [['run']],
  },
  { id: 'run', type: 'llm-iot-execute', mode: 'device', timeout: '', to: [['reply'], ['reply']] },
  { id: 'reply', type: 'llm-iot-rpc-out' },
];

describe('the trace of a call', () => {
  let rig: NodeRig;
  let lamp: RigDevice;
  let spans: ReturnType<typeof collectSpans>;
  /** The user property of each command the device got. */
  const received: unknown[] = [];

  before(async () => {
    rig = await startRig({ nodeRed: 'node-red', nodes });
    lamp = await joinRig(rig);
    lamp.mqtt.on('message', (_topic, payload, packet) => {
      const command = JSON.parse(payload.toString()) as { id: string };
      received.push(packet.properties?.userProperties?.['traceparent']);
      lamp.mqtt.publish(
        `llm-iot/devices/${lamp.id}/command/response`,
        JSON.stringify({ jsonrpc: '2.0', id: command.id, result: { lit: true } }),
        { qos: 1, properties: { userProperties: { traceparent: ofDevice } } },
      );
    });
    await lamp.mqtt.subscribeAsync(`llm-iot/devices/${lamp.id}/command/request`, { qos: 1 });
  });
  beforeEach(() => received.splice(0));
  after(async () => {
    await lamp.end();
    await rig.stop();
  });

  const post = async (): Promise<{ result?: { status: string }; error?: unknown }> => {
    const response = await fetch(`${rig.url}/rpc`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${rig.adminKey}`,
        traceparent: caller,
      },
      body: JSON.stringify({
        ...{ jsonrpc: '2.0', id: 1, method: 'lamp.set' },
        params: { device_id: lamp.id, command: 'set', arguments: { secret: 'sesame' } },
      }),
    });
    return (await response.json()) as Awaited<ReturnType<typeof post>>;
  };

  it('goes from the caller over the call and the command to the device, and back with its answer', async () => {
    spans = collectSpans();
    const { result, error } = await post();
    assert.equal(result?.status, 'success', JSON.stringify(error));
    const [command, call] = await until('the spans', () => {
      const all = spans.finished();
      return all.length >= 2 ? all : undefined;
    });
    spans.stop();
    assert.ok(command && call);
    assert.equal(call.name, 'lamp.set');
    assert.equal(call.kind, SpanKind.SERVER);
    assert.equal(call.parentSpanContext?.spanId, caller.split('-')[2]);
    assert.equal(command.kind, SpanKind.CLIENT);
    assert.equal(command.parentSpanContext?.spanId, call.spanContext().spanId);
    assert.equal(command.attributes['rpc.method'], 'set');
    const traces = [call, command].map((span) => span.spanContext().traceId);
    assert.deepEqual(traces, Array(2).fill(caller.split('-')[1]));
    assert.deepEqual(received, [traceparentOf(command)]);
    assert.equal(command.links[0]?.context.spanId, ofDevice.split('-')[2]);
    const told = JSON.stringify([call.attributes, command.attributes]);
    assert.ok(!told.includes('sesame'));
  });

  it('reaches the device without an SDK too, as the caller gave it', async () => {
    const { result } = await post();
    assert.equal(result?.status, 'success');
    assert.deepEqual(received, [caller]);
  });
});
