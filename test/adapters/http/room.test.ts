import assert from 'node:assert/strict';
import { createRoom, isBusy } from '../../../nodes/adapters/http/room.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the room of a transport', () => {
  const limits = { most: 100, busy: 20 };
  /** Enters, and gives what ends the call, or undefined while it waits. */
  const enter = (room: ReturnType<typeof createRoom>, bytes: number, isFlood: boolean) => {
    const call: { leave?: () => void } = {};
    room.enter(bytes, isFlood, (leave) => (call.leave = leave));
    return call;
  };

  it('lets calls in up to its size, and the others in their order as it is left', async () => {
    const room = createRoom(limits);
    const calls = [60, 30, 30, 5].map((bytes) => enter(room, bytes, false));
    assert.deepEqual(
      calls.map(({ leave }) => leave !== undefined),
      [true, true, false, false],
    );
    calls[1]?.leave?.();
    await turn();
    assert.ok(calls.every(({ leave }) => leave !== undefined));
  });

  it('has calls of busy connections wait while those of others go in', async () => {
    const room = createRoom(limits);
    const busy = [10, 10, 10].map((bytes) => enter(room, bytes, true));
    assert.equal(busy[2]?.leave, undefined);
    assert.notEqual(enter(room, 80, false).leave, undefined);
    busy[0]?.leave?.();
    await turn();
    assert.notEqual(busy[2]?.leave, undefined);
  });

  it('takes a device with several calls under way for busy, and nobody who commands devices', () => {
    const [device, llm] = [
      { id: 'k', role: 'device', device_id: 'd' },
      { id: 'l', role: 'llm_admin' },
    ] as const;
    assert.deepEqual([isBusy(3, device), isBusy(4, device)], [false, true]);
    assert.deepEqual([isBusy(4, undefined), isBusy(31, llm)], [true, false]);
  });

  it('lets a body in alone that is larger than the room', async () => {
    const room = createRoom(limits);
    const large = enter(room, 1_000, true);
    const next = enter(room, 1, true);
    assert.deepEqual([large.leave !== undefined, next.leave], [true, undefined]);
    large.leave?.();
    await turn();
    assert.notEqual(next.leave, undefined);
  });
});
