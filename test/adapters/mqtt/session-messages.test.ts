import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fromColumns, toColumns } from '../../../nodes/adapters/mqtt/sessions/messages.ts';

const text = fc.string({ unit: 'grapheme' });
const names = fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toString', ''));

/** As the MQTT parser makes them: without a prototype. */
const userProperties = fc
  .array(fc.tuple(names, fc.oneof(text, fc.array(text, { minLength: 2 }))))
  .map(
    (pairs) =>
      Object.assign(
        Object.create(null) as object,
        ...pairs.map(([name, value]) => ({ [name]: value })),
      ) as Record<string, unknown>,
  );
const bytes = fc.uint8Array().map((array) => Buffer.from(array));
const optional = { requiredKeys: [] };

const messages = fc.record({
  cmd: fc.constant('publish' as const),
  topic: text,
  payload: bytes,
  qos: fc.constantFrom(0, 1, 2),
  retain: fc.boolean(),
  dup: fc.constant(false),
  properties: fc.record(
    {
      contentType: text,
      responseTopic: text,
      correlationData: bytes,
      payloadFormatIndicator: fc.boolean(),
      messageExpiryInterval: fc.nat(),
      subscriptionIdentifier: fc.array(fc.integer({ min: 1 }), { minLength: 1 }),
      userProperties,
    },
    optional,
  ),
  messageExpiry: fc.nat(),
});

describe('messages in the file of the sessions', () => {
  it('come back as they went in, with all properties of MQTT 5', () => {
    fc.assert(
      fc.property(messages, (message) => {
        const { userProperties: wanted, ...properties } = message.properties;
        const back = fromColumns(toColumns(message));
        const { userProperties: found, ...others } = back.properties ?? {};
        assert.deepEqual({ ...back, properties: others }, { ...message, properties });
        assert.deepEqual(Object.entries(found ?? {}), Object.entries(wanted ?? {}));
      }),
    );
  });

  it('need no properties, and keep a payload that is text', () => {
    const message = { cmd: 'publish', topic: 't', qos: 1, retain: true, dup: false } as const;
    const back = fromColumns(toColumns({ ...message, payload: 'text' }));
    assert.deepEqual(back, { ...message, payload: Buffer.from('text') });
  });
});
