import assert from 'node:assert/strict';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { openMistakeSite, type MistakeSite } from '../support/mistakes.ts';
import { callAndRepair } from '../support/repair.ts';

describe('a caller that does what errors say, and understands nothing', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  let site: MistakeSite;
  before(async () => {
    hub = await startHub();
    site = await openMistakeSite(hub);
  });
  after(async () => {
    await site.end();
    await hub.stop();
    await hub.cleanUp();
  });

  const send = async (request: unknown): Promise<unknown> => {
    const response = await fetch(`${hub.url}/rpc`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${hub.adminKey}` },
      body: JSON.stringify(request),
    });
    return response.json();
  };

  it('repairs each of more than seventy mistakes within three attempts', async () => {
    const { mistakes } = site;
    assert.ok(mistakes.length > 70);
    assert.equal(new Set(mistakes.map(({ title }) => title)).size, mistakes.length);
    const failed: unknown[] = [];
    for (const { title, request, before, meanwhile } of mistakes) {
      await before?.();
      const wait = async (): Promise<void> => meanwhile?.();
      const { ok, repairs, steps, error } = await callAndRepair({ send, wait }, request);
      // A call that is right at once is no mistake, and shows nothing.
      if (!ok || repairs === 0) failed.push({ title, steps, error });
    }
    assert.deepEqual(failed, []);
  });

  it('is not told how to do what it may not do', async () => {
    const wait = (): Promise<void> => Promise.resolve();
    const { ok, error } = await callAndRepair(
      {
        wait,
        send: async (request) => {
          const response = await fetch(`${hub.url}/rpc`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: 'Bearer nobody' },
            body: JSON.stringify(request),
          });
          return response.json();
        },
      },
      { jsonrpc: '2.0', id: 1, method: 'device.list', params: {} },
    );
    assert.equal(ok, false);
    assert.equal((error as { code: number }).code, -32005);
  });
});
