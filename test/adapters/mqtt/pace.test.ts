import assert from 'node:assert/strict';
import { createPaces } from '../../../nodes/adapters/mqtt/pace.ts';

const createRig = (limits = {}) => {
  const slowed: string[] = [];
  const paces = createPaces(
    { messages: 3, bytes: 100, patienceSeconds: 2, ...limits },
    (principalId) => slowed.push(principalId),
  );
  return { paces, slowed };
};

describe('the pace of a principal', () => {
  it('counts messages and bytes of a second', () => {
    const { paces } = createRig();
    const pace = paces.enter('d1');
    assert.deepEqual(
      [10, 10, 10, 10].map((bytes) => paces.count(pace, bytes)),
      [true, true, true, false],
    );
    paces.tick();
    assert.deepEqual(
      [90, 10, 1].map((bytes) => paces.count(pace, bytes)),
      [true, true, false],
    );
  });

  it('is that of all its connections, and of nobody else', () => {
    const { paces } = createRig();
    const [first, second, other] = [paces.enter('d1'), paces.enter('d1'), paces.enter('d2')];
    for (let i = 0; i < 3; i++) paces.count(first, 1);
    assert.equal(paces.count(second, 1), false);
    assert.equal(paces.count(other, 1), true);
    paces.leave('d1');
    assert.equal(paces.enter('d1'), first);
  });

  it('has nothing more read in a second that is used up, and reads on in the next', () => {
    const { paces, slowed } = createRig();
    const pace = paces.enter('d1');
    let resumed = 0;
    const resume = (): void => void (resumed += 1);
    assert.equal(paces.mayRead(pace, resume), 'yes');
    for (let i = 0; i < 3; i++) paces.count(pace, 1);
    assert.equal(paces.mayRead(pace, resume), 'no');
    assert.equal(paces.mayRead(pace, resume), 'no');
    assert.equal(resumed, 0);
    paces.tick();
    assert.equal(resumed, 2);
    assert.equal(paces.mayRead(pace, resume), 'yes');
    assert.deepEqual(slowed, ['d1']);
  });

  it('ends with patience when it is too fast for many seconds in a row', () => {
    const { paces } = createRig();
    const pace = paces.enter('d1');
    const flood = (): string => {
      for (let i = 0; i < 5; i++) paces.count(pace, 1);
      const answer = paces.mayRead(pace, () => undefined);
      paces.tick();
      return answer;
    };
    assert.deepEqual([flood(), flood()], ['no', 'no']);
    paces.tick();
    assert.deepEqual([flood(), flood(), flood()], ['no', 'no', 'cut']);
  });
});
