import assert from 'node:assert/strict';
import { createGuessGuard, defaultGuessLimits } from '../../../nodes/core/security/guesses.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const attempt = (network: string, shown = 'wrong', identity = 'admin') => ({
  network,
  shown,
  identity,
});

const createRig = (limits = {}) => {
  const clock = createFakeClock();
  const guard = createGuessGuard({ clock, limits });
  /** Tries until it is banned, always as soon as it may; the number of tries and the time it took. */
  const guessPatiently = (network: string) => {
    const begin = clock.elapsed();
    for (let tries = 1; ; tries++) {
      const wait = guard.check(attempt(network)) ?? guard.failed(attempt(network, `${tries}`));
      if (wait?.cause === 'banned') return { tries, ms: clock.elapsed() - begin };
      if (wait) clock.advance(wait.ms);
    }
  };
  const failTimes = (network: string, times: number, shown?: string, identity?: string) => {
    for (let i = 0; i < times; i++) guard.failed(attempt(network, shown ?? `${i}`, identity));
  };
  return { clock, guard, guessPatiently, failTimes };
};

describe('those who try keys', () => {
  it('may mistype a few times', () => {
    const { guard, failTimes } = createRig();
    failTimes('192.0.2.1', defaultGuessLimits.free);
    assert.equal(guard.check(attempt('192.0.2.1')), undefined);
  });

  it('wait ever longer, up to a minute, and are banned in the end', () => {
    const { guard, guessPatiently } = createRig({ windowMs: 86_400_000 });
    const { tries, ms } = guessPatiently('192.0.2.1');
    assert.equal(tries, defaultGuessLimits.banAfter);
    const delays = Array.from({ length: 19 }, (_, i) => Math.min(60, 2 ** i) * 1_000);
    assert.equal(
      ms,
      delays.reduce((sum, delay) => sum + delay),
    );
    assert.equal(guard.banned(), 1);
  });

  it('are banned sooner when they do not wait', () => {
    const { guard, failTimes } = createRig();
    failTimes('192.0.2.1', defaultGuessLimits.free + 1);
    let refused = 0;
    while (guard.check(attempt('192.0.2.1'))?.cause === 'slowed') refused += 1;
    assert.equal(refused, defaultGuessLimits.banAfter - defaultGuessLimits.free - 2);
    assert.equal(guard.banned(), 1);
  });

  it('may come again when the ban is over, which further tries do not lengthen', () => {
    const { clock, guard, failTimes } = createRig();
    failTimes('192.0.2.1', defaultGuessLimits.banAfter);
    clock.advance(defaultGuessLimits.banMs - 1);
    assert.deepEqual(guard.check(attempt('192.0.2.1')), { cause: 'banned', ms: 1 });
    clock.advance(1);
    assert.equal(guard.check(attempt('192.0.2.1')), undefined);
    assert.equal(guard.banned(), 0);
  });

  it('get no answer any more when they go on while they are banned', () => {
    const { clock, guard, failTimes } = createRig();
    failTimes('192.0.2.1', defaultGuessLimits.banAfter);
    for (let i = 0; i < defaultGuessLimits.answersWhenBanned; i++) {
      assert.ok(!guard.isShunned('192.0.2.1'));
      guard.check(attempt('192.0.2.1'));
    }
    assert.ok(guard.isShunned('192.0.2.1'));
    assert.ok(!guard.isShunned('192.0.2.2'));
    clock.advance(defaultGuessLimits.banMs);
    assert.ok(!guard.isShunned('192.0.2.1'));
  });

  it('are forgiven what is long ago', () => {
    const { clock, guard, failTimes } = createRig();
    failTimes('192.0.2.1', defaultGuessLimits.free);
    clock.advance(defaultGuessLimits.windowMs);
    assert.equal(guard.failed(attempt('192.0.2.1')), undefined);
  });

  it('go by the time that passes, not by the clock on the wall', () => {
    const { clock, guard, failTimes } = createRig();
    failTimes('192.0.2.1', defaultGuessLimits.banAfter);
    clock.set(clock.now() + 86_400_000);
    assert.equal(guard.check(attempt('192.0.2.1'))?.cause, 'banned');
  });

  it('do no harm to others, whomever they claim to be', () => {
    const { guard, failTimes } = createRig();
    for (let i = 0; i < 1_000; i++) failTimes(`198.51.100.${i}`, 40);
    assert.equal(guard.check(attempt('192.0.2.1', 'right')), undefined);
  });

  it('have one free failure where many others have failed', () => {
    const { guard, failTimes } = createRig();
    for (let i = 0; i < 101; i++) failTimes(`198.51.100.${i}`, 1);
    assert.equal(guard.failed(attempt('192.0.2.1')), undefined);
    assert.equal(guard.failed(attempt('192.0.2.1'))?.cause, 'slowed');
    assert.equal(guard.failed(attempt('192.0.2.2', 'wrong', 'somebody else')), undefined);
  });

  it('leave others behind their address alone when somebody came in from there', () => {
    const { guard, failTimes } = createRig();
    guard.succeeded('192.0.2.1');
    failTimes('192.0.2.1', 100, 'old key');
    assert.equal(guard.check(attempt('192.0.2.1', 'old key'))?.cause, 'banned');
    assert.equal(guard.check(attempt('192.0.2.1', 'right key')), undefined);
  });

  it('are banned behind such an address too when they try many keys', () => {
    const { guard, failTimes } = createRig();
    guard.succeeded('192.0.2.1');
    failTimes('192.0.2.1', 300);
    assert.equal(guard.check(attempt('192.0.2.1', 'right key'))?.cause, 'banned');
  });

  it('take no more memory the more they are', () => {
    const { guard, failTimes } = createRig({ maxRemembered: 100 });
    for (let i = 0; i < 10_000; i++) failTimes(`2001:db8:${i}:0::/64`, 30);
    assert.equal(guard.banned(), 100);
  });
});
