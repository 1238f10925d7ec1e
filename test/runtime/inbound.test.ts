import assert from 'node:assert/strict';
import { createLedger } from '../../nodes/core/telemetry/ledger.ts';
import type { InboundMessage, MqttLink } from '../../nodes/core/topic/ports.ts';
import { parseTopic } from '../../nodes/core/topic/topics.ts';
import { createInbound } from '../../nodes/runtime/inbound.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const telemetry = 'llm-iot/devices/a/telemetry';

function setUp() {
  const clock = createFakeClock();
  const ledger = createLedger();
  let deliver: (message: InboundMessage) => void = () => undefined;
  const link = {
    onMessage(listener: typeof deliver) {
      deliver = listener;
      return () => undefined;
    },
  } as unknown as MqttLink;
  const inbound = createInbound({ link, clock, ledger, holdMs: 10_000 });
  const outcomes: Record<string, string> = {};
  const come = (name: string, topic = telemetry): void =>
    deliver({
      topic,
      parsed: parseTopic(topic),
      payload: Buffer.from(name),
      qos: 1,
      retained: false,
      will: false,
      settle: (error) => {
        outcomes[name] ??= error ? error.message : 'settled';
      },
    });
  const attachNode = (branch: 'telemetry' | 'status' | 'any' = 'telemetry') => {
    const got: InboundMessage[] = [];
    const settlers: ((error?: Error) => void)[] = [];
    const detach = inbound.attach(branch, {
      listener(message, settled) {
        got.push(message);
        settlers.push(settled);
      },
      takeBack: () => got.splice(0),
    });
    return { got, settlers, detach, names: () => got.map(({ payload }) => String(payload)) };
  };
  return { clock, ledger, inbound, come, attachNode, outcomes };
}

describe('what comes in over MQTT', () => {
  it('is settled when every node of its branch has settled it, with an error if one of them failed', () => {
    const { come, attachNode, outcomes } = setUp();
    const [one, other] = [attachNode(), attachNode('any')];
    come('a');
    one.settlers[0]?.();
    one.settlers[0]?.();
    assert.deepEqual(outcomes, {});
    other.settlers[0]?.(new Error('no room'));
    assert.deepEqual(outcomes, { a: 'no room' });
  });

  it('waits for a node, and is refused and counted when none comes in time', () => {
    const { clock, ledger, come, attachNode, outcomes } = setUp();
    come('early');
    clock.advance(6_000);
    come('late');
    clock.advance(6_000);
    clock.advance(3_000);
    assert.deepEqual(Object.keys(outcomes), ['early']);
    assert.deepEqual(ledger.snapshot().messages['mqtt']?.dropped, { no_flow: 1 });
    assert.deepEqual(attachNode().names(), ['late']);
  });

  it('does not wait where nothing is lost by it', () => {
    const { come, outcomes } = setUp();
    come('gone', 'llm-iot/devices/a/status');
    assert.deepEqual(outcomes, { gone: 'settled' });
  });

  it('comes in again after a deploy, with what was on the wires, to the nodes that are there then', () => {
    const { inbound, come, attachNode, outcomes } = setUp();
    const before = attachNode();
    const status = attachNode('status');
    come('on the wire');
    inbound.pause();
    come('meanwhile');
    come('status', 'llm-iot/devices/a/status');
    assert.deepEqual(status.names(), ['status']);
    before.detach();
    const after = attachNode();
    assert.deepEqual(after.names(), []);
    inbound.resume();
    assert.deepEqual(after.names(), ['on the wire', 'meanwhile']);
    for (const settled of after.settlers) settled();
    assert.deepEqual(outcomes, { 'on the wire': 'settled', meanwhile: 'settled' });
  });

  it('is refused when the hub stops', () => {
    const { inbound, ledger, come, outcomes } = setUp();
    come('a');
    inbound.close();
    assert.deepEqual(outcomes, { a: 'the hub is stopping' });
    assert.deepEqual(ledger.snapshot().messages['mqtt']?.dropped, { stopping: 1 });
  });
});
