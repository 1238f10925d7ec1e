import assert from 'node:assert/strict';
import { rpcError } from '../../support/domain.ts';
import { admin, createRpcRig, method } from '../../support/rpc-rig.ts';

describe('a call that its caller takes back', () => {
  it('ends at once, and what comes of it later is late', async () => {
    const { dispatcher, methods, clock } = createRpcRig();
    let id = '';
    methods.declare(method('test.slow'), (call) => {
      id = call.id;
    });
    const abort = new AbortController();
    const context = { principal: admin, transport: 'mcp' as const, signal: abort.signal };
    const called = dispatcher.invoke('test.slow', {}, context);
    abort.abort();
    await assert.rejects(called, rpcError(-32003, /took the call back/));
    assert.equal(dispatcher.settle(id, { result: {} }), false);
    assert.deepEqual(
      [dispatcher.stats().pending, dispatcher.stats().late_answers, clock.pending()],
      [0, 1, 0],
    );
  });

  it('does not begin when it was taken back before', async () => {
    const { dispatcher, methods } = createRpcRig();
    let begun = false;
    methods.declare(method('test.slow'), () => {
      begun = true;
    });
    const signal = AbortSignal.abort();
    await assert.rejects(
      dispatcher.invoke('test.slow', {}, { principal: admin, transport: 'mcp', signal }),
      rpcError(-32003),
    );
    assert.equal(begun, false);
    assert.equal(dispatcher.stats().pending, 0);
  });
});
