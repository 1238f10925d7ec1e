import assert from 'node:assert/strict';
import { readStatusMessage } from '../../../nodes/core/device/status-message.ts';
import { rpcError } from '../../support/domain.ts';

const live = { retained: false, will: false };
const read = (payload: unknown, message = live) =>
  readStatusMessage(typeof payload === 'string' ? payload : JSON.stringify(payload), message);

describe('a message on the status topic', () => {
  it('may be a word, an object or a JSON-RPC heartbeat', () => {
    assert.deepEqual(read('online'), { status: 'online' });
    assert.deepEqual(read(' Offline\n'), { status: 'offline' });
    assert.deepEqual(read('"online"'), { status: 'online' });
    assert.deepEqual(read({ status: 'offline', reason: 'low\u0000 battery' }), {
      status: 'offline',
      reason: 'low battery',
    });
    assert.deepEqual(read({ uptime: 5 }), { status: 'online' });
    assert.deepEqual(read({ jsonrpc: '2.0', method: 'device.heartbeat' }), { status: 'online' });
    assert.deepEqual(readStatusMessage(new TextEncoder().encode('offline'), live), {
      status: 'offline',
    });
  });

  it('says nothing about now when the broker kept it, or when it is empty', () => {
    assert.equal(read('online', { retained: true, will: false }), undefined);
    assert.equal(read('', live), undefined);
  });

  it('is a broken connection when it is a will', () => {
    assert.match(read('offline', { retained: false, will: true })?.reason ?? '', /last will/);
  });

  it('is refused when it is anything else', () => {
    for (const bad of ['{', 'x'.repeat(20_000)]) assert.throws(() => read(bad), rpcError(-32700));
    for (const bad of ['[]', '5', { status: 'asleep' }, { jsonrpc: '2.0', method: 'device.get' }])
      assert.throws(() => read(bad), rpcError(-32004));
  });
});
