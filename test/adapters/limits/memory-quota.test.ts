import assert from 'node:assert/strict';
import { mock } from 'node:test';
import { openMemoryQuota } from '../../../nodes/adapters/limits/memory-quota.ts';

describe('a quota in memory', () => {
  afterEach(() => mock.timers.reset());

  it('has so many points for each key, and new ones when the time is over', async () => {
    mock.timers.enable({ apis: ['Date', 'setTimeout'] });
    const quota = openMemoryQuota({ points: 3, seconds: 10 });
    assert.equal(await quota.take('a', 3), 0);
    assert.equal(await quota.take('b'), 0);
    mock.timers.tick(4_000);
    assert.equal(await quota.take('a'), 6_000);
    mock.timers.tick(6_000);
    assert.equal(await quota.take('a'), 0);
  });

  it('forgets the key whose time began first rather than take more memory', async () => {
    const quota = openMemoryQuota({ points: 1, seconds: 600, maxKeys: 10 });
    await quota.take('first');
    assert.ok((await quota.take('first')) > 0);
    for (let i = 0; i < 9; i++) await quota.take(`${i}`);
    assert.ok((await quota.take('first')) > 0, 'there was room for ten');
    await quota.take('one more');
    assert.equal(await quota.take('first'), 0);
    assert.ok((await quota.take('8')) > 0);
  });
});
