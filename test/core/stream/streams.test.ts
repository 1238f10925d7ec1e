import assert from 'node:assert/strict';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { createStreams } from '../../../nodes/core/stream/streams.ts';
import { createFakeIds } from '../../support/fake-ids.ts';
import { admin } from '../../support/rpc-rig.ts';

interface Update {
  jsonrpc: string;
  method: string;
  params: { channel: string; timestamp: string; data: unknown; dropped?: number };
}

let sessions = 0;
function createSession(principal: Principal = admin) {
  const frames: string[] = [];
  const state = { open: true, room: Infinity };
  const session = {
    id: `session-${++sessions}`,
    principal,
    writable: () => state.open && state.room > 0,
    send: (text: string) => {
      state.room -= 1;
      frames.push(text);
    },
  };
  const updates = (): Update[] => frames.map((text) => JSON.parse(text) as Update);
  return {
    session,
    state,
    frames,
    updates,
    channels: () => updates().map(({ params }) => params.channel),
  };
}

const at = Date.UTC(2025, 8, 30, 10, 36);
const create = (limits = {}) =>
  createStreams({
    ids: createFakeIds(),
    limits,
    ownerOf: (id) => (id === 's1' ? 'd1' : undefined),
  });

const refuses = (fn: () => unknown, code: number, details: Record<string, unknown> = {}): void => {
  assert.throws(fn, (error: unknown) => {
    assert.ok(error instanceof RpcError);
    assert.equal(error.code, code);
    for (const [key, value] of Object.entries(details)) assert.deepEqual(error.details[key], value);
    return true;
  });
};

describe('streams', () => {
  it('tells those who named hub.methods, whatever their role and scope, and nobody else, that methods changed', () => {
    const streams = create();
    const narrow = createSession({ id: 'n', role: 'llm_read', scope: { device_ids: ['d1'] } });
    const device = createSession({ id: 'k', role: 'device', device_id: 'd1' });
    const all = createSession();
    for (const { session } of [narrow, device]) streams.subscribe(session, ['hub.methods']);
    streams.subscribe(all.session, ['*', 'device.*.*']);
    streams.publishMethods({ revision: 'r1' }, at);
    assert.deepEqual(narrow.updates(), device.updates());
    assert.deepEqual(narrow.updates()[0]?.params, {
      channel: 'hub.methods',
      timestamp: '2025-09-30T10:36:00.000Z',
      data: { revision: 'r1' },
    });
    assert.deepEqual(all.updates(), []);
    streams.unsubscribe(narrow.session, { channels: ['hub.methods'] });
    streams.publishMethods({ revision: 'r2' }, at);
    assert.equal(narrow.updates().length, 1);
    assert.equal(device.updates().length, 2);
  });

  it('send stream.update as the specification shows it', () => {
    const streams = create();
    const { session, updates } = createSession();
    const answer = streams.subscribe(session, ['device.d1.telemetry']);
    assert.deepEqual(Object.keys(answer), ['subscription_id', 'channels']);
    assert.deepEqual(answer.channels, ['device.d1.telemetry']);
    streams.publish('d1', 'telemetry', { live_readings: [{ value: 1 }] }, at);
    assert.deepEqual(updates(), [
      {
        jsonrpc: '2.0',
        method: 'stream.update',
        params: {
          channel: 'device.d1.telemetry',
          timestamp: '2025-09-30T10:36:00.000Z',
          untrusted: ['data'],
          data: { live_readings: [{ value: 1 }] },
        },
      },
    ]);
  });

  it('reach, where the audience is those who name the id, no pattern with * for it', () => {
    const streams = create();
    const [exact, anyKind, anyId] = [createSession(), createSession(), createSession()];
    streams.subscribe(exact.session, ['device.s1.telemetry']);
    streams.subscribe(anyKind.session, ['device.s1.*']);
    streams.subscribe(anyId.session, ['device.*.telemetry', '*']);
    streams.publish('s1', 'telemetry', 1, at, 'named');
    assert.deepEqual(
      [exact, anyKind, anyId].map(({ channels }) => channels()),
      [['device.s1.telemetry'], ['device.s1.telemetry'], []],
    );
    assert.equal(streams.wanted('s1', 'telemetry', 'named'), true);
    assert.equal(streams.wanted('s2', 'telemetry', 'named'), false);
    assert.equal(streams.wanted('s2', 'telemetry'), true);
  });

  const patterns: [pattern: string, matches: string[]][] = [
    ['device.d1.alerts', ['device.d1.alerts']],
    ['device.*.alerts', ['device.d1.alerts', 'device.d2.alerts']],
    ['device.d1.*', ['device.d1.telemetry', 'device.d1.alerts']],
    ['device.*.*', ['device.d1.telemetry', 'device.d1.alerts', 'device.d2.alerts']],
    ['*', ['device.d1.telemetry', 'device.d1.alerts', 'device.d2.alerts']],
  ];
  for (const [pattern, matches] of patterns) {
    it(`deliver to ${pattern} what it matches and nothing else`, () => {
      const streams = create();
      const { session, channels } = createSession();
      streams.subscribe(session, [pattern]);
      streams.publish('d1', 'telemetry', 1, at);
      streams.publish('d1', 'alerts', 1, at);
      streams.publish('d2', 'alerts', 1, at);
      assert.deepEqual(channels(), matches);
      assert.equal(streams.wanted('d2', 'status'), pattern === 'device.*.*' || pattern === '*');
    });
  }

  it('send an update once to a session, however many of its patterns match', () => {
    const streams = create();
    const { session, channels } = createSession();
    streams.subscribe(session, ['*', 'device.d1.*', 'device.d1.status']);
    streams.subscribe(session, ['device.*.status']);
    streams.publish('d1', 'status', 1, at);
    assert.equal(channels().length, 1);
  });

  it('serialise an update once for everybody, and not at all for nobody', () => {
    const streams = create();
    let serialised = 0;
    const data = { toJSON: () => ++serialised };
    streams.publish('d1', 'status', data, at);
    assert.equal(serialised, 0);
    for (let i = 0; i < 10; i++) streams.subscribe(createSession().session, ['*']);
    streams.publish('d1', 'status', data, at);
    assert.equal(serialised, 1);
  });

  it('let a slow session lose its oldest updates, and tell it how many', () => {
    const streams = create({ queuedUpdates: 3 });
    const { session, state, updates } = createSession();
    streams.subscribe(session, ['*']);
    state.open = false;
    for (let i = 1; i <= 10; i++) streams.publish('d1', 'telemetry', i, at);
    assert.deepEqual(updates(), []);
    state.open = true;
    streams.drain(session);
    assert.deepEqual(
      updates().map(({ params }) => [params.data, params.dropped]),
      [
        [8, 7],
        [9, undefined],
        [10, undefined],
      ],
    );
    assert.deepEqual(streams.stats(), { sessions: 1, subscriptions: 1, sent: 3, dropped: 7 });
  });

  it('stop draining when the session is full again, and keep the order', () => {
    const streams = create();
    const { session, state, updates } = createSession();
    streams.subscribe(session, ['*']);
    state.room = 0;
    for (let i = 1; i <= 4; i++) streams.publish('d1', 'telemetry', i, at);
    state.room = 2;
    streams.drain(session);
    state.room = 1;
    streams.publish('d1', 'telemetry', 5, at);
    state.room = 9;
    streams.publish('d1', 'telemetry', 6, at);
    assert.deepEqual(
      updates().map(({ params }) => params.data),
      [1, 2, 3, 4, 5, 6],
    );
  });

  it('bound what waits for a session by its size too', () => {
    const streams = create({ queuedCharacters: 1000 });
    const { session, state, updates } = createSession();
    streams.subscribe(session, ['*']);
    state.open = false;
    for (let i = 1; i <= 5; i++) streams.publish('d1', 'telemetry', 'x'.repeat(400), at);
    state.open = true;
    streams.drain(session);
    assert.deepEqual(
      updates().map(({ params }) => params.dropped),
      [4],
    );
  });

  it('do not let a slow session hold up another', () => {
    const streams = create();
    const slow = createSession();
    const quick = createSession();
    for (const { session } of [slow, quick]) streams.subscribe(session, ['*']);
    slow.state.open = false;
    for (let i = 0; i < 1000; i++) streams.publish('d1', 'telemetry', i, at);
    assert.equal(quick.frames.length, 1000);
  });

  it('end one subscription by its id, or channels of all of them', () => {
    const streams = create();
    const { session, channels } = createSession();
    const { subscription_id } = streams.subscribe(session, ['device.d1.*']);
    streams.subscribe(session, ['device.d1.status', 'device.d2.status']);
    assert.equal(streams.unsubscribe(session, { subscription_id }), true);
    assert.equal(streams.unsubscribe(session, { subscription_id }), false);
    assert.equal(
      streams.unsubscribe(session, { channels: ['device.d1.status', 'device.d9.status'] }),
      true,
    );
    assert.equal(streams.unsubscribe(session, {}), false);
    streams.publish('d1', 'status', 1, at);
    streams.publish('d2', 'status', 1, at);
    assert.deepEqual(channels(), ['device.d2.status']);
    assert.equal(streams.unsubscribe(session, { channels: ['device.d2.status'] }), true);
    assert.deepEqual(streams.stats(), { sessions: 0, subscriptions: 0, sent: 1, dropped: 0 });
    assert.equal(streams.wanted('d2', 'status'), false);
  });

  it('does not end a subscription of somebody else', () => {
    const streams = create();
    const { subscription_id } = streams.subscribe(createSession().session, ['*']);
    const other = createSession().session;
    streams.subscribe(other, ['*']);
    assert.equal(streams.unsubscribe(other, { subscription_id }), false);
  });

  it('keep nothing of a session that was dropped', () => {
    const streams = create();
    const { session, state, frames } = createSession();
    streams.subscribe(session, ['*', 'device.d1.*']);
    streams.subscribe(session, ['device.d1.*']);
    state.open = false;
    streams.publish('d1', 'status', 1, at);
    streams.drop(session);
    streams.drop(session);
    state.open = true;
    streams.drain(session);
    streams.publish('d1', 'status', 2, at);
    assert.deepEqual(frames, []);
    assert.deepEqual(streams.stats(), { sessions: 0, subscriptions: 0, sent: 0, dropped: 0 });
  });

  it('refuse malformed patterns with what is allowed', () => {
    const streams = create();
    const { session } = createSession();
    for (const channel of [
      '',
      'device',
      'device.d1',
      'device.d1.status.x',
      'sensor.d1.status',
      'device..status',
      'device.d 1.status',
      '**',
      5,
      null,
    ]) {
      refuses(() => streams.subscribe(session, ['*', channel as string]), -32602, {
        field: 'channels[1]',
      });
    }
    refuses(() => streams.subscribe(session, []), -32602, { field: 'channels' });
    refuses(() => streams.subscribe(session, ['device.d1.telemtry']), -32602, {
      nearest: 'device.d1.telemetry',
    });
    assert.equal(streams.stats().sessions, 0);
  });

  it('bound the subscriptions and channels of a session with -32006', () => {
    const streams = create({ subscriptionsPerSession: 2, channelsPerSession: 3 });
    const { session } = createSession();
    refuses(
      () => streams.subscribe(session, ['device.a.*', 'device.b.*', 'device.c.*', 'device.d.*']),
      -32006,
    );
    streams.subscribe(session, ['*']);
    streams.subscribe(session, ['*']);
    refuses(() => streams.subscribe(session, ['*']), -32006);
  });

  it('let a device follow itself and its sensors only', () => {
    const streams = create();
    const { session } = createSession({ id: 'k', role: 'device', device_id: 'd1' });
    streams.subscribe(session, ['device.d1.*', 'device.s1.telemetry']);
    for (const channel of ['*', 'device.*.status', 'device.d2.status', 'device.*.*']) {
      refuses(() => streams.subscribe(session, [channel]), -32005);
    }
    const registration = createSession({ id: 'r', role: 'device', registration: true });
    refuses(() => streams.subscribe(registration.session, ['device.d1.*']), -32005);
  });

  it('refuse to publish what cannot be written as JSON, and send nothing as null', () => {
    const streams = create();
    const { session, updates } = createSession();
    streams.subscribe(session, ['*']);
    const loop: Record<string, unknown> = {};
    loop['loop'] = loop;
    refuses(() => streams.publish('d1', 'status', loop, at), -32603);
    streams.publish('d1', 'status', undefined, at);
    assert.equal(updates()[0]?.params.data, null);
  });

  it('reach whose scope is for some devices with those alone, as the scope is at each update', () => {
    const seen = new Set(['d1', 's1']);
    const streams = createStreams({ ids: createFakeIds(), canSee: (_who, id) => seen.has(id) });
    const scope = { labels: { room: 'kitchen' } };
    const cook = createSession({ id: 'cook', role: 'llm_read', scope });
    const all = createSession();
    for (const { session } of [cook, all])
      streams.subscribe(session, ['*', 'device.d2.telemetry', 'device.nowhere.telemetry']);
    for (const id of ['d1', 's1', 'd2', 'nowhere']) streams.publish(id, 'telemetry', {}, at);
    assert.deepEqual(cook.channels(), ['device.d1.telemetry', 'device.s1.telemetry']);
    assert.equal(all.channels().length, 4);
    seen.clear();
    streams.publish('d1', 'telemetry', {}, at);
    assert.equal(cook.channels().length, 2);
    seen.add('d2');
    streams.publish('d2', 'events', {}, at);
    assert.equal(cook.channels().at(-1), 'device.d2.events');
  });
});
