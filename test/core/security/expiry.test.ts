import assert from 'node:assert/strict';
import { atExpiry } from '../../../nodes/core/security/expiry.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts';

const day = 86_400_000;

describe('the end of what somebody showed', () => {
  let clock: FakeClock;
  let ended: number;
  const end = (): void => void (ended += 1);
  const until = (ms: number): Principal => ({
    id: 'token:x',
    role: 'llm_read',
    expires_at: new Date(clock.now() + ms).toISOString(),
  });
  beforeEach(() => {
    clock = createFakeClock();
    ended = 0;
  });

  it('is told once, in its millisecond', () => {
    atExpiry(until(1_500), clock, end);
    clock.advance(1_499);
    assert.equal(ended, 0);
    clock.advance(1);
    assert.equal(ended, 1);
    clock.advance(10 * day);
    assert.equal(ended, 1);
  });

  it('is told within a minute when the clock is set past it', () => {
    atExpiry(until(5 * day), clock, end);
    clock.advance(1_000);
    clock.set(clock.now() + 6 * day);
    clock.advance(60_000);
    assert.equal(ended, 1);
  });

  it('is told at once when it has been', () => {
    atExpiry(until(-1), clock, end);
    clock.advance(0);
    assert.equal(ended, 1);
  });

  it('is told after weeks, for which no timer lasts', () => {
    atExpiry(until(30 * day), clock, end);
    clock.advance(30 * day - 1);
    assert.equal(ended, 0);
    clock.advance(1);
    assert.equal(ended, 1);
  });

  it('is not told when nobody asks any more, also after days', () => {
    const forget = atExpiry(until(3 * day), clock, end);
    clock.advance(2 * day);
    forget();
    clock.advance(2 * day);
    assert.equal(ended, 0);
    assert.equal(clock.pending(), 0);
  });

  it('never comes for a key without an end, and takes no timer', () => {
    atExpiry({ id: 'key', role: 'llm_admin' }, clock, end);
    assert.equal(clock.timersSet(), 0);
  });
});
