import assert from 'node:assert/strict';
import { createPresence } from '../../../nodes/core/device/presence.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

function watch() {
  const clock = createFakeClock();
  const offline: string[] = [];
  const online: string[] = [];
  const presence = createPresence({
    clock,
    onOffline: (id, reason) => offline.push(`${id}: ${reason}`),
    onOnline: (id) => online.push(id),
  });
  return { clock, offline, online, presence };
}

describe('presence', () => {
  it('marks a device offline after two and a half missed heartbeats', () => {
    const { clock, offline, presence } = watch();
    presence.add('a', 60);
    clock.advance(149_999);
    assert.deepEqual(offline, []);
    clock.advance(1);
    assert.deepEqual(offline, ['a: no sign of life for 150 s']);
    clock.advance(1_000_000);
    assert.equal(offline.length, 1);
    assert.equal(clock.pending(), 0);
  });

  for (const days of [-1, 1])
    it(`takes a clock that is set by ${days} day for no silence, and misses none by it`, () => {
      const { clock, offline, presence } = watch();
      presence.add('a', 60);
      presence.add('b', 60);
      clock.advance(100_000);
      clock.set(clock.now() + days * 86_400_000);
      presence.touch('a');
      clock.advance(49_999);
      assert.deepEqual(offline, []);
      clock.advance(1);
      assert.deepEqual(offline, ['b: no sign of life for 150 s']);
      clock.advance(100_000);
      assert.equal(offline.length, 2);
    });

  it('counts from the last sign of life', () => {
    const { clock, offline, presence } = watch();
    presence.add('a', 60);
    for (let n = 0; n < 10; n++) {
      clock.advance(100_000);
      presence.touch('a');
    }
    clock.advance(149_999);
    assert.deepEqual(offline, []);
    clock.advance(1);
    assert.equal(offline.length, 1);
  });

  it('brings an offline device back with any sign of life, and watches it again', () => {
    const { clock, offline, online, presence } = watch();
    presence.add('a', 10);
    clock.advance(25_000);
    presence.touch('a');
    presence.touch('a');
    assert.deepEqual(online, ['a']);
    assert.ok(presence.isOnline('a'));
    clock.advance(25_000);
    assert.equal(offline.length, 2);
  });

  it('marks a device offline at once when it is known to be gone, and only once', () => {
    const { clock, offline, presence } = watch();
    presence.add('a', 10);
    presence.markOffline('a', 'last will');
    presence.markOffline('a', 'last will');
    clock.advance(100_000);
    assert.deepEqual(offline, ['a: last will']);
  });

  it('keeps different intervals apart', () => {
    const { clock, offline, presence } = watch();
    presence.add('slow', 100);
    presence.add('fast', 10);
    clock.advance(25_000);
    assert.equal(offline.length, 1);
    clock.advance(225_000);
    assert.equal(offline.length, 2);
  });

  it('takes on a changed interval and forgets a removed device', () => {
    const { clock, offline, presence } = watch();
    presence.add('a', 10);
    presence.add('a', 100);
    presence.add('b', 10);
    presence.remove('b');
    presence.touch('b');
    clock.advance(100_000);
    assert.deepEqual(offline, []);
  });

  it('watches an offline device of an interval that nobody online has', () => {
    const { clock, offline, presence } = watch();
    presence.add('a', 10);
    presence.add('b', 10);
    presence.markOffline('a', 'gone');
    presence.remove('b');
    presence.touch('a');
    clock.advance(25_000);
    assert.equal(offline.length, 2);
  });

  it('has one timer for 100,000 devices, and hardly ever sets it', () => {
    const { clock, offline, presence } = watch();
    for (let n = 0; n < 100_000; n++) presence.add(`d${n}`, 60);
    assert.equal(clock.pending(), 1);
    for (let minute = 0; minute < 10; minute++) {
      clock.advance(60_000);
      for (let n = 0; n < 100_000; n++) presence.touch(`d${n}`);
      assert.equal(clock.pending(), 1);
    }
    assert.ok(clock.timersSet() <= 10, `${clock.timersSet()} timers were set`);
    assert.deepEqual(offline, []);
    clock.advance(150_000);
    assert.equal(offline.length, 100_000);
    assert.equal(clock.pending(), 0);
  });

  it('declares thousands of silent devices offline in portions, so that others are served in between', () => {
    const clock = createFakeClock();
    const portions: number[] = [];
    const presence = createPresence({
      clock: {
        now: () => clock.now(),
        elapsed: () => clock.elapsed(),
        after: (ms, fn) =>
          clock.after(ms, () => {
            portions.push(0);
            fn();
          }),
      },
      onOffline: () => (portions[portions.length - 1]! += 1),
      onOnline: () => undefined,
    });
    for (let n = 0; n < 2_500; n++) presence.add(`device-${n}`, 60);
    clock.advance(150_000);
    assert.equal(
      portions.reduce((sum, portion) => sum + portion),
      2_500,
    );
    assert.ok(Math.max(...portions) <= 100);
    assert.equal(clock.pending(), 0);
  });

  it('leaves no timer behind when it is closed', () => {
    const { clock, presence } = watch();
    presence.add('a', 10);
    presence.close();
    assert.equal(clock.pending(), 0);
  });
});
