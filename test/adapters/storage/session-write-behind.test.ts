import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import type { SessionChange } from '../../../nodes/adapters/storage/mqtt-sessions/session-rows.ts';
import {
  createWriteBehind,
  type WriteBehind,
} from '../../../nodes/adapters/storage/mqtt-sessions/write-behind.ts';
import { until } from '../../support/until.ts';

const received = (packet_id: number) => ({ client_id: 'c', packet_id });
const session = (expiry_seconds: number) => ({
  ...{ client_id: 'c', principal: '{}', expiry_seconds, offline_since: null },
});
const queued = (sequence: number) => ({
  ...{ client_id: 'c', sequence, queued_at: 0, topic: 't', payload: Buffer.from('x') },
  ...{ qos: 1, retain: 0, properties: null, expires_at: null },
});

describe('changes of sessions on their way to the disk', () => {
  let commits: SessionChange[][];
  let failures: unknown[];
  let finish: (() => void)[];
  let fail: boolean;
  let changes: WriteBehind;

  beforeEach(() => {
    [commits, failures, finish, fail] = [[], [], [], false];
    changes = createWriteBehind({
      async commit(batch) {
        commits.push(batch);
        await new Promise<void>((resolve) => finish.push(resolve));
        if (fail) throw new Error('the disk is full');
      },
      onFailure: (error) => failures.push(error),
    });
  });
  const commit = async (): Promise<void> => {
    const end = await until('a commit', () => finish.shift());
    end();
    await turn();
  };

  it('are written without being asked for, all of one turn in one commit', async () => {
    changes.put('received', received(1));
    await Promise.resolve();
    changes.put('received', received(2));
    await commit();
    assert.deepEqual(
      commits.map((batch) => batch.length),
      [2],
    );
  });

  it('are on disk when the flush resolves, and not before', async () => {
    const done: string[] = [];
    changes.put('received', received(1));
    void changes.flushed().then(() => done.push('first'));
    await until('a commit', () => finish.length > 0);
    changes.put('received', received(2));
    void changes.flushed().then(() => done.push('second'));
    await turn();
    assert.deepEqual(done, []);
    await commit();
    assert.deepEqual(done, ['first']);
    await commit();
    assert.deepEqual(done, ['first', 'second']);
    await changes.flushed();
    assert.equal(commits.length, 2);
  });

  it('of one row are written once, as they are last', async () => {
    changes.put('sessions', session(1));
    changes.put('sessions', session(2));
    changes.put('received', received(1));
    changes.remove('received', received(1));
    changes.put('queued', queued(1));
    changes.remove('queued', { client_id: 'c', sequence: 1 });
    await commit();
    assert.deepEqual(commits[0], [
      { table: 'received', remove: received(1) },
      { table: 'sessions', put: session(2) },
    ]);
  });

  it('that could not be written are written with the next ones, unless these replace them', async () => {
    fail = true;
    changes.put('sessions', session(1));
    changes.put('queued', queued(1));
    const first = changes.flushed();
    const rejected = assert.rejects(first, /disk is full/);
    await commit();
    await rejected;
    assert.equal(failures.length, 1);
    fail = false;
    changes.remove('queued', { client_id: 'c', sequence: 1 });
    changes.put('received', received(1));
    const second = changes.flushed();
    await commit();
    await second;
    assert.deepEqual(commits[1], [
      { table: 'sessions', put: session(1) },
      { table: 'received', put: received(1) },
    ]);
  });

  it('that could not be written are tried again, and who can wait is told then', async () => {
    fail = true;
    changes.put('received', received(1));
    const written = changes.written();
    await commit();
    fail = false;
    await commit();
    await written;
    assert.ok(commits.length >= 2);
  });

  it('make room before they take it', async () => {
    changes.put('received', received(1));
    changes.remove('retained', { topic: 't' });
    await commit();
    assert.deepEqual(
      commits[0]?.map((change) => 'remove' in change),
      [true, false],
    );
  });

  it('are written before the end', async () => {
    changes.put('received', received(1));
    const closed = changes.close();
    await commit();
    await closed;
    await assert.rejects(changes.flushed(), /closed/);
    await changes.written();
  });
});
