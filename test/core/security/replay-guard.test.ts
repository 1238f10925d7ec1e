import assert from 'node:assert/strict';
import { createReplayGuard, type ReplayLimits } from '../../../nodes/core/security/replay-guard.ts';
import { rpcError } from '../../support/domain.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryRecords } from '../../support/memory-records.ts';
import type { RpcError } from '../../../nodes/core/rpc/errors.ts';

async function start(
  limits?: ReplayLimits,
  records = createMemoryRecords(),
  clock = createFakeClock(),
) {
  const guard = createReplayGuard({ records, clock, ...(limits && { limits }) });
  await guard.load();
  const use = (signer: string, id: string, forMs = 600_000) =>
    guard.use(signer, id, clock.now() + forMs);
  return { records, clock, use };
}
const stored = (records: ReturnType<typeof createMemoryRecords>): Promise<number> =>
  records.all('signature_id').then((all) => all.length);

describe('the ids of signatures', () => {
  it('are good once for each signer', async () => {
    const { use } = await start();
    await use('a', '1');
    await assert.rejects(use('a', '1'), rpcError(-32005, /used before/));
    await use('b', '1');
    await use('a', '2');
  });

  it('are good once also when the same call comes twice at the same time', async () => {
    const { use } = await start();
    const both = await Promise.allSettled([use('a', '1'), use('a', '1')]);
    assert.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  });

  it('are known after a stop, until their signatures are too old by themselves', async () => {
    const { use, records, clock } = await start();
    await use('a', '1', 10_000);
    await use('a', '2', 20_000);
    const again = await start(undefined, records, clock);
    await assert.rejects(again.use('a', '1'), rpcError(-32005));
    clock.advance(10_001);
    const later = await start(undefined, records, clock);
    assert.equal(await stored(records), 1);
    await assert.rejects(later.use('a', '2'), rpcError(-32005));
  });

  it('leave when they are old, also from disk', async () => {
    const { use, records, clock } = await start();
    await use('a', '1', 10_000);
    clock.advance(10_000);
    await assert.rejects(use('a', '1'), rpcError(-32005), 'good up to that very moment');
    clock.advance(1);
    await use('a', '2', 10_000);
    assert.equal(await stored(records), 1);
  });

  it('past the limit of a signer there are no more until the oldest is too old; others go on', async () => {
    const { use, clock } = await start({ perSigner: 2, inAll: 10 });
    await use('a', '1', 5_000);
    await use('a', '2', 9_000);
    await assert.rejects(use('a', '3'), (error: RpcError) => {
      assert.equal(error.details['retry_after_ms'], 5_000);
      return rpcError(-32006)(error);
    });
    await use('b', '1');
    clock.advance(5_001);
    await use('a', '3');
  });

  it('past the limit in all there are none for anybody, and old ones of all make room', async () => {
    const { use, clock, records } = await start({ perSigner: 2, inAll: 3 });
    await use('a', '1', 1_000);
    await use('a', '2', 9_000);
    await use('b', '1', 9_000);
    await assert.rejects(use('c', '1'), rpcError(-32006));
    clock.advance(1_001);
    await use('c', '1');
    assert.equal(await stored(records), 3);
  });
});
