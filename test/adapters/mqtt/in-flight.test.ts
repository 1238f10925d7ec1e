import assert from 'node:assert/strict';
import { createInFlight } from '../../../nodes/adapters/mqtt/in-flight.ts';
import { until } from '../../support/until.ts';

describe('what is in flight', () => {
  it('stops reading at its most messages, and resumes in turn below them', async () => {
    const inFlight = createInFlight({ messages: 4, bytes: 1_000, busyMessages: 4 });
    const resumed: string[] = [];
    const ask = (name: string): boolean => inFlight.mayRead(false, () => resumed.push(name));
    for (let i = 0; i < 4; i++) inFlight.add(1);
    assert.equal(ask('first'), false);
    assert.equal(ask('second'), false);
    inFlight.remove(1);
    assert.deepEqual(resumed, []);
    inFlight.remove(1);
    await until('both are resumed', () => resumed.length === 2);
    assert.deepEqual(resumed, ['first', 'second']);
    assert.equal(ask('third'), true);
  });

  it('stops at its most bytes as well', () => {
    const inFlight = createInFlight({ messages: 100, bytes: 10, busyMessages: 100 });
    inFlight.add(10);
    assert.equal(
      inFlight.mayRead(false, () => undefined),
      false,
    );
    inFlight.remove(10);
    assert.equal(
      inFlight.mayRead(false, () => undefined),
      true,
    );
  });

  it('stops clients that send much at a time earlier, and lets others go first', async () => {
    const inFlight = createInFlight({ messages: 4, bytes: 1_000, busyMessages: 2 });
    const resumed: string[] = [];
    const ask = (name: string, busy: boolean): boolean =>
      inFlight.mayRead(busy, () => resumed.push(name));
    inFlight.add(1);
    inFlight.add(1);
    assert.equal(ask('busy', true), false);
    assert.equal(ask('calm', false), true);
    inFlight.add(1);
    inFlight.add(1);
    assert.equal(ask('calm', false), false);
    inFlight.remove(1);
    inFlight.remove(1);
    await until('the calm one is resumed', () => resumed.length === 1);
    inFlight.remove(1);
    await until('the busy one is resumed', () => resumed.length === 2);
    assert.deepEqual(resumed, ['calm', 'busy']);
  });

  it('lets nobody read once it is paused', () => {
    const inFlight = createInFlight({ messages: 100, bytes: 100, busyMessages: 100 });
    inFlight.pause();
    const never = (): void => assert.fail('reading must not go on');
    assert.equal(inFlight.mayRead(false, never), false);
    inFlight.add(1);
    inFlight.remove(1);
  });
});
