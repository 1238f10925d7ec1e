import assert from 'node:assert/strict';
import { createInFlight } from '../../../nodes/adapters/mqtt/in-flight.ts';
import { until } from '../../support/until.ts';

describe('what is in flight', () => {
  it('stops reading at its most messages, and resumes in turn below them', async () => {
    const inFlight = createInFlight({ messages: 4, bytes: 1_000 });
    const resumed: string[] = [];
    const ask = (name: string): boolean => inFlight.mayRead(() => resumed.push(name));
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
    const inFlight = createInFlight({ messages: 100, bytes: 10 });
    inFlight.add(10);
    assert.equal(
      inFlight.mayRead(() => undefined),
      false,
    );
    inFlight.remove(10);
    assert.equal(
      inFlight.mayRead(() => undefined),
      true,
    );
  });

  it('lets nobody read once it is paused', () => {
    const inFlight = createInFlight({ messages: 100, bytes: 100 });
    inFlight.pause();
    const never = (): void => assert.fail('reading must not go on');
    assert.equal(inFlight.mayRead(never), false);
    inFlight.add(1);
    inFlight.remove(1);
  });
});
