import assert from 'node:assert/strict';
import fc from 'fast-check';
import mqttPacket, { type Packet } from 'mqtt-packet';
import { createPublishLane, type PlainPublish } from '../../../nodes/adapters/mqtt/publish-lane.ts';

const maxPacketBytes = 10_000;

interface Publish {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean;
  contentType?: string | undefined;
}

const publishes = fc.record({
  topic: fc.constantFrom('llm-iot/devices/a/telemetry', 'é/ü', 'x'),
  payload: fc.uint8Array({ maxLength: 6_000 }).map((bytes) => Buffer.from(bytes)),
  qos: fc.constantFrom<(0 | 1 | 2)[]>(0, 1, 1, 1, 2),
  retain: fc.boolean(),
  dup: fc.boolean(),
  contentType: fc.option(fc.constant('text/plain'), { nil: undefined }),
});

const encode = (publish: Publish, messageId: number, version: 4 | 5): Buffer => {
  const { contentType, dup, qos, ...rest } = publish;
  return mqttPacket.generate(
    {
      cmd: 'publish',
      ...rest,
      qos,
      dup: dup && qos > 0,
      ...(qos > 0 && { messageId }),
      ...(version === 5 && contentType !== undefined && { properties: { contentType } }),
    },
    { protocolVersion: version },
  );
};

/** All bytes through a lane, in pieces, and what it leaves to a parser: everything that was published. */
function read(pieces: readonly Buffer[], version: 4 | 5, take: (plain: PlainPublish) => boolean) {
  const seen: [string, string, number][] = [];
  let taken = 0;
  const parser = mqttPacket.parser({ protocolVersion: version });
  let atBoundary = true;
  let left = 0;
  parser.on('packet', (packet: Packet) => {
    if (packet.cmd === 'publish')
      seen.push([packet.topic, String(packet.payload), packet.qos === 0 ? 0 : packet.messageId!]);
  });
  const lane = createPublishLane(maxPacketBytes);
  for (const piece of pieces) {
    const rest = atBoundary
      ? lane(piece, version, (plain) => {
          if (!take(plain)) return false;
          taken += 1;
          const topic = Buffer.from(plain.rawTopic, 'latin1').toString();
          seen.push([topic, String(plain.payload), plain.packetId]);
          return true;
        })
      : piece;
    if (!rest) continue;
    left = parser.parse(rest);
    atBoundary = left === 0;
  }
  return { seen, taken };
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? bytes.length;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

for (const version of [4, 5] as const)
  describe(`the lane for plain publications (MQTT ${version === 5 ? '5' : '3.1.1'})`, () => {
    it('and the parser behind it see every message once, in order, however the bytes are cut', () => {
      fc.assert(
        fc.property(
          fc.array(publishes, { minLength: 1, maxLength: 12 }),
          fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 8 }),
          fc.func(fc.boolean()),
          (messages, sizes, whim) => {
            const all = Buffer.concat(messages.map((one, i) => encode(one, i + 1, version)));
            const { seen } = read(cut(all, sizes), version, ({ packetId }) => whim(packetId));
            assert.deepEqual(
              seen,
              messages.map(({ topic, payload, qos }, i) => [
                topic,
                String(payload),
                qos === 0 ? 0 : i + 1,
              ]),
            );
          },
        ),
        { numRuns: 150 },
      );
    });

    it('takes what needs no parser, and nothing else', () => {
      const plain = { topic: 't', payload: Buffer.from('1'), retain: false, dup: false };
      const takes = (publish: Publish): boolean =>
        read([encode(publish, 7, version)], version, () => true).taken === 1;
      assert.ok(takes({ ...plain, qos: 0 }));
      assert.ok(takes({ ...plain, qos: 1 }));
      assert.ok(takes({ ...plain, qos: 1, dup: true }));
      assert.ok(!takes({ ...plain, qos: 2 }));
      assert.ok(!takes({ ...plain, qos: 1, retain: true }));
      if (version === 5) assert.ok(!takes({ ...plain, qos: 1, contentType: 'text/plain' }));
    });

    it('leaves malformed and oversized packets to the parser, which refuses them', () => {
      const lane = createPublishLane(maxPacketBytes);
      const none = (): boolean => assert.fail('nothing here is a plain publication');
      const cases: Record<string, Buffer> = {
        'a topic longer than the packet': Buffer.from([0x32, 4, 0, 9, 1, 1]),
        'packet id 0': Buffer.from([0x32, 6, 0, 1, 116, 0, 0, 0]),
        'a length of five bytes': Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
        'QoS 3': Buffer.from([0x36, 3, 0, 1, 116]),
        'a packet of 256 MB': Buffer.from([0x32, 0xff, 0xff, 0xff, 0x7f]),
        'no room for a topic': Buffer.from([0x30, 1, 0]),
      };
      for (const [what, bytes] of Object.entries(cases))
        assert.deepEqual(lane(bytes, version, none), bytes, what);
    });
  });
