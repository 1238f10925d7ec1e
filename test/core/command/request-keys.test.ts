import assert from 'node:assert/strict';
import { createRequestKeys, readRequestKey } from '../../../nodes/core/command/request-keys.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { admin, createCommandRig, writer } from '../../support/command-rig.ts';
import { createCountingIds, createMemoryLog, rpcError, settled } from '../../support/domain.ts';
import { createMemoryRecords } from '../../support/memory-records.ts';

const day = 86_400_000;

describe('a request_key', () => {
  it('is plain text of 1 to 128 characters', () => {
    assert.equal(readRequestKey({}), undefined);
    assert.equal(readRequestKey({ request_key: 'k'.repeat(128) })?.length, 128);
    for (const key of ['', 'k'.repeat(129), 'a\u0000b', 'a\u202eb', 7, {}, ['k']])
      assert.throws(() => readRequestKey({ request_key: key }), rpcError(-32602));
  });

  it('has a command carried out once: while it is under way, when it is done, after a restart', async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register();
    const commands = await rig.start();
    const params = { device_id, command: 'open', arguments: { width: 1 }, request_key: 'k1' };
    const first = commands.execute(params, writer);
    await settled();
    const meanwhile = commands.execute(params, writer);
    await rig.reply(commands, 0, { result: { moved: true } });
    const result = await first;
    assert.deepEqual(result.result, { moved: true });
    assert.deepEqual(await meanwhile, result);
    assert.deepEqual(await commands.execute(params, writer), result);
    commands.close();
    const again = await rig.start();
    assert.deepEqual(await again.execute(params, writer), result);
    assert.equal(rig.sent.length, 1);
    assert.equal(rig.audited.length, 1, 'what was not carried out is no command');
  });

  it('is of one principal, and of one command, device and arguments', async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register();
    const { device_id: other } = await rig.register();
    const commands = await rig.start();
    const params = { device_id, command: 'open', arguments: { width: 1 }, request_key: 'k' };
    const first = commands.execute(params, writer);
    await settled();
    await rig.reply(commands, 0);
    const { command_id } = await first;
    for (const change of [
      { device_id: other },
      { command: 'close' },
      { arguments: { width: 2 } },
      { arguments: undefined },
    ])
      await assert.rejects(
        (async () => commands.execute({ ...params, ...change }, writer))(),
        (error: { code: number; details: object }) => {
          assert.equal(error.code, -32602);
          assert.deepEqual(error.details, { field: 'request_key', command_id });
          return true;
        },
      );
    const byAdmin = commands.execute(params, admin);
    await settled();
    assert.equal(rig.sent.length, 2, 'somebody else’s key is another');
    await rig.reply(commands, 1);
    await byAdmin;
  });

  it('answers the same error when it failed after it was sent, and is free when it was not sent', async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register();
    const commands = await rig.start();
    const params = { device_id, command: 'open', request_key: 'k' };
    await rig.goesAway(device_id);
    await assert.rejects(commands.execute(params, writer), rpcError(-32001));
    await rig.registry.setStatus(device_id, 'online');
    const failing = commands.execute(params, writer);
    await settled();
    const failed = assert.rejects(failing, rpcError(-32007, /stuck/));
    await rig.reply(commands, 0, { error: { code: -32007, message: 'stuck' } });
    await failed;
    await assert.rejects(commands.execute(params, writer), rpcError(-32007, /stuck/));
    commands.close();
    const again = await rig.start();
    await assert.rejects(again.execute(params, writer), rpcError(-32007, /stuck/));
    assert.equal(rig.sent.length, 1);
  });

  it('of a command that a stop of the hub cut off answers that it was, and does not send it again', async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register();
    const commands = await rig.start();
    const params = { device_id, command: 'open', request_key: 'k' };
    void commands.execute(params, writer).catch(() => undefined);
    await settled();
    assert.equal(rig.sent.length, 1);
    const again = await rig.start();
    await assert.rejects(again.execute(params, writer), rpcError(-32603, /hub stopped/));
    assert.equal(rig.sent.length, 1);
  });

  it('holds for a batch as a whole, and for methods of devices unless it is an argument of theirs', async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register();
    const commands = await rig.start();
    const batch = { device_ids: [device_id], command: 'dim', request_key: 'b' };
    const first = commands.executeBatch(batch, writer);
    await settled();
    await rig.reply(commands, 0);
    assert.deepEqual(await commands.executeBatch(batch, writer), await first);
    await assert.rejects(
      (async () => commands.executeBatch({ ...batch, command: 'x' }, writer))(),
      rpcError(-32602),
    );
    assert.equal(rig.sent.length, 1);

    await rig.registry.registerMethod({ device_id, method_name: 'own.plain' });
    await rig.registry.registerMethod({
      device_id,
      method_name: 'own.keyed',
      schema: { arguments: { request_key: 'string' } },
    });
    const call = async (method: string): Promise<void> => {
      const running = commands.callMethod(method, { request_key: 'm' }, writer);
      await settled();
      if (rig.sent.at(-1)?.method === method) await rig.reply(commands, rig.sent.length - 1);
      await running;
    };
    for (const method of ['own.plain', 'own.plain', 'own.keyed', 'own.keyed']) await call(method);
    assert.deepEqual(
      rig.sent.slice(1).map(({ method, params }) => [method, params]),
      [
        ['own.plain', {}],
        ['own.keyed', { request_key: 'm' }],
        ['own.keyed', { request_key: 'm' }],
      ],
    );
  });

  it('is not sent when it cannot be kept', async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register();
    const commands = await rig.start();
    const put = rig.records.put.bind(rig.records);
    rig.records.put = (kind, id, record) =>
      kind === 'request_key' ? Promise.reject(new Error('disk full')) : put(kind, id, record);
    await assert.rejects(
      commands.execute({ device_id, command: 'open', request_key: 'k' }, writer),
      /disk full/,
    );
    assert.equal(rig.sent.length, 0);
  });

  it('is kept for a day and bounded in number and size, loudly', async () => {
    const clock = createFakeClock();
    const records = createMemoryRecords();
    const keys = createRequestKeys({
      ...{ records, clock, ids: createCountingIds(), log: createMemoryLog() },
      ...{ most: 3, mostOfOne: 2 },
    });
    const use = (key: string, of = 'a', result: object = {}) =>
      keys.once({ key, of, what: {} }, async (started) => {
        await started('c');
        return { status: 'success', of, key, ...result };
      });
    await use('1');
    clock.advance(1_000);
    await use('2');
    const full = (async () => use('3'))();
    await assert.rejects(full, (error: { code: number; details: Record<string, unknown> }) => {
      assert.equal(error.code, -32006);
      assert.equal(error.details['limit'], 2);
      assert.equal(error.details['retry_after_ms'], day - 1_000);
      return true;
    });
    await use('1', 'b', { command_id: 'c', result: 'x'.repeat(9_000) });
    await assert.rejects((async () => use('1', 'c'))(), rpcError(-32006));
    assert.deepEqual(await use('1', 'b'), {
      ...{ status: 'success', command_id: 'c' },
      result: { not_kept: true, bytes: 9_079 },
    });
    clock.advance(day);
    await use('3', 'c');
    await settled();
    assert.equal(keys.size(), 1);
    assert.equal(records.count('request_key'), 1);
  });
});
