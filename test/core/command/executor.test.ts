import assert from 'node:assert/strict';
import { createCommandExecutor } from '../../../nodes/core/command/executor.ts';
import type { CommandSettings } from '../../../nodes/core/command/ports.ts';
import type { DeviceLink } from '../../../nodes/core/command/types.ts';
import { ErrorCode, RpcError } from '../../../nodes/core/rpc/errors.ts';
import { admin, createDomain, createMemoryLog, rpcError, settled } from '../../support/domain.ts';

interface Sent {
  targetId: string;
  id: string;
  method: string;
  params: Record<string, unknown>;
}

function createCommands(
  settings: CommandSettings = {},
  options?: Parameters<typeof createDomain>[0],
) {
  const domain = createDomain(options);
  const sent: Sent[] = [];
  const log = createMemoryLog();
  let link: DeviceLink | undefined = {
    deliver(targetId, command) {
      sent.push({ targetId, ...command });
      return Promise.resolve();
    },
  };
  const { registry, records, clock, ids } = domain;
  const commands = createCommandExecutor({
    registry,
    link: () => link,
    records,
    clock,
    ids,
    log,
    settings,
  });
  const recordOf = (id: string) => records.peek('command', id);
  return {
    ...domain,
    commands,
    sent,
    log,
    recordOf,
    useLink: (next: DeviceLink | undefined) => {
      link = next;
    },
    execute: (params: Record<string, unknown>) => commands.execute(params, admin),
    reply: (index: number, outcome: object) =>
      commands.answer(sent[index]!.targetId, { jsonrpc: '2.0', id: sent[index]!.id, ...outcome }),
  };
}

describe('executing a command', () => {
  it('asks whether a principal may have another under way, with how many it has', async () => {
    const asked: [string, number][] = [];
    const { register, execute, commands, reply } = createCommands({
      mayStart({ id }, underWay) {
        asked.push([id, underWay]);
        if (underWay >= 2) throw new RpcError(ErrorCode.ResourceExhausted, 'too many');
      },
    });
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await register()).device_id);
    const [first, second, third] = ids.map((device_id) => ({ device_id, command: 'configure' }));
    const running = [execute(first!), execute(second!)];
    await settled();
    await assert.rejects(execute(third!), rpcError(-32006));
    const byFlow = commands.execute(third!, undefined);
    await settled();
    for (let i = 0; i < 3; i++) reply(i, { result: { status: 'success' } });
    await Promise.all([...running, byFlow]);
    const again = execute(third!);
    await settled();
    reply(3, { result: { status: 'success' } });
    await again;
    assert.deepEqual(
      asked.map(([, underWay]) => underWay),
      [0, 1, 2, 0],
    );
    assert.ok(asked.every(([id]) => id === 'admin'));
  });

  it('goes from queued over sent to done, each state stored', async () => {
    const { register, execute, sent, reply, clock, recordOf, records } = createCommands();
    const { device_id } = await register();
    const states: unknown[] = [];
    const put = records.put.bind(records);
    records.put = (kind, id, record) => {
      if (kind === 'command') states.push((record as { state: string }).state);
      return put(kind, id, record);
    };
    const running = execute({ device_id, command: 'configure', arguments: { rate: 10 } });
    await settled();
    assert.deepEqual(sent, [
      { targetId: device_id, id: sent[0]!.id, method: 'configure', params: { rate: 10 } },
    ]);
    clock.advance(245);
    assert.equal(
      reply(0, { result: { status: 'success', note: 'ok', applied_config: { rate: 10 } } }),
      'matched',
    );
    assert.deepEqual(await running, {
      status: 'success',
      command_id: sent[0]!.id,
      execution_time_ms: 245,
      result: { note: 'ok' },
      applied_config: { rate: 10 },
      untrusted: ['result', 'applied_config'],
    });
    assert.deepEqual(states, ['queued', 'sent', 'done']);
    assert.equal(recordOf(sent[0]!.id)!['issued_by'], 'admin');
    assert.equal(clock.pending(), 0);
  });

  it('keeps the applied configuration of the device, and of a sensor for itself', async () => {
    const { register, registry, execute, reply } = createCommands();
    const { device_id } = await register();
    const found = await registry.discoverSensor({
      mcu_id: device_id,
      static_schema: { model: 'A' },
    });
    const { sensor_id } = found as { sensor_id: string };
    for (const [index, id] of [device_id, sensor_id].entries()) {
      const running = execute({ device_id: id, command: 'configure' });
      await settled();
      reply(index, { result: { applied_config: { for: id } } });
      await running;
    }
    assert.deepEqual(registry.get(device_id).applied_config, { for: device_id });
    assert.deepEqual(registry.resolve(sensor_id)!.sensor!.applied_config, { for: sensor_id });
  });

  it('takes the execution time from a device that tells it', async () => {
    const { register, execute, reply } = createCommands();
    const { device_id } = await register();
    const running = execute({ device_id, command: 'x' });
    await settled();
    reply(0, { result: { status: 'success', execution_time_ms: 12 } });
    const result = await running;
    assert.equal(result.execution_time_ms, 12);
    assert.equal('result' in result, false);
  });

  it('is -32000 for an unknown device and -32001 with last_seen for one offline', async () => {
    const { register, registry, execute, sent } = createCommands();
    await assert.rejects(execute({ device_id: 'x', command: 'y' }), rpcError(-32000));
    const { device_id } = await register();
    await registry.setStatus(device_id, 'offline');
    await assert.rejects(execute({ device_id, command: 'y' }), (error: RpcError) => {
      assert.equal(error.code, -32001);
      assert.equal(error.details['last_seen'], '2026-01-01T00:00:00.000Z');
      return true;
    });
    assert.equal(sent.length, 0);
  });

  it('is -32002 while another command is under way, saying which and since when', async () => {
    const { register, execute, reply, clock } = createCommands();
    const { device_id } = await register();
    const first = execute({ device_id, command: 'slow' });
    clock.advance(500);
    await assert.rejects(execute({ device_id, command: 'next' }), (error: RpcError) => {
      assert.equal(error.code, -32002);
      assert.equal(error.details['command'], 'slow');
      assert.equal(error.details['since'], '2026-01-01T00:00:00.000Z');
      return true;
    });
    await settled();
    reply(0, { result: {} });
    await first;
    const again = execute({ device_id, command: 'next' });
    await settled();
    reply(1, { result: {} });
    await again;
  });

  it('is -32003 when no answer comes in time, and the device is free again', async () => {
    const { register, execute, clock, sent, recordOf } = createCommands();
    const { device_id } = await register();
    const running = execute({ device_id, command: 'x', timeout_ms: 2_000 });
    await settled();
    clock.advance(1_999);
    assert.equal(recordOf(sent[0]!.id)!['state'], 'sent');
    clock.advance(1);
    await assert.rejects(running, rpcError(-32003, /2000 ms/));
    assert.equal(recordOf(sent[0]!.id)!['state'], 'timed_out');
    const again = execute({ device_id, command: 'x' });
    await settled();
    clock.advance(10_000);
    await assert.rejects(again, rpcError(-32003, /10000 ms/));
  });

  it('records a late answer with its command and never gives it to another', async () => {
    const { register, execute, clock, sent, reply, recordOf, commands } = createCommands();
    const { device_id } = await register();
    const first = execute({ device_id, command: 'x' });
    await settled();
    clock.advance(10_000);
    await assert.rejects(first, rpcError(-32003));
    const second = execute({ device_id, command: 'x' });
    await settled();
    assert.equal(reply(0, { result: { for: 'first' } }), 'late');
    await settled();
    assert.deepEqual(recordOf(sent[0]!.id)!['late_answer'], { for: 'first' });
    assert.equal(recordOf(sent[0]!.id)!['state'], 'timed_out');
    assert.equal(commands.stats().pending, 1);
    reply(1, { result: { for: 'second' } });
    assert.deepEqual((await second).result, { for: 'second' });
    assert.equal(commands.stats().late, 1);
  });

  it('takes an answer only from the device or sensor the command went to', async () => {
    const { register, registry, execute, sent, commands } = createCommands();
    const { device_id } = await register();
    const other = await register();
    const found = await registry.discoverSensor({
      mcu_id: device_id,
      static_schema: { model: 'A' },
    });
    const { sensor_id } = found as { sensor_id: string };
    const running = execute({ device_id: sensor_id, command: 'x' });
    await settled();
    const answer = { jsonrpc: '2.0', id: sent[0]!.id, result: {} };
    assert.equal(sent[0]!.targetId, sensor_id);
    assert.equal(commands.answer(other.device_id, answer), 'unknown');
    assert.equal(commands.answer(device_id, { ...answer, id: 'other' }), 'unknown');
    for (const bad of [null, 'x', [], { id: 5, result: 1 }, { id: answer.id }])
      assert.equal(commands.answer(device_id, bad), 'malformed');
    assert.equal(commands.answer(device_id, answer), 'matched');
    await running;
  });

  it('takes an answer that is faster than the word that the command left', async () => {
    const { register, execute, useLink, commands, recordOf } = createCommands();
    const { device_id } = await register();
    let left = (): void => undefined;
    let id = '';
    useLink({
      deliver(targetId, command) {
        ({ id } = command);
        commands.answer(targetId, { id, result: 1 });
        return new Promise((resolve) => (left = resolve));
      },
    });
    assert.equal((await execute({ device_id, command: 'x' })).result, 1);
    left();
    await settled();
    assert.equal(recordOf(id)!['state'], 'done');
  });

  it('passes on what a device reports: hardware errors, and codes of the protocol', async () => {
    const { register, execute, reply } = createCommands();
    const { device_id } = await register();
    const cases: [unknown, number][] = [
      [{ code: -32007, message: 'motor stuck' }, -32007],
      [{ code: -32602, message: 'motor stuck' }, -32602],
      [{ code: -32004, data: { reason: 'motor stuck' } }, -32004],
      [{ code: -32601, message: 'motor stuck' }, -32007],
      [{ code: 17, message: 'motor\u0000 stuck' }, -32007],
    ];
    for (const [index, [error, code]] of cases.entries()) {
      const running = execute({ device_id, command: 'x' });
      await settled();
      reply(index, { error });
      await assert.rejects(running, (failure: RpcError) => {
        assert.equal(failure.code, code);
        assert.match(failure.reason, /motor stuck/);
        assert.ok(failure.details['device_error']);
        return true;
      });
    }
  });

  it('checks commands and arguments against what the device declared', async () => {
    const { register, execute, sent, reply } = createCommands();
    const schema = {
      type: 'object',
      properties: { on: { type: 'boolean' } },
      required: ['on'],
      additionalProperties: false,
    };
    const commands = [{ name: 'set_load', arguments: schema }, { name: 'reset' }];
    const { device_id } = await register({}, { commands });
    await assert.rejects(execute({ device_id, command: 'set_lod' }), (error: RpcError) => {
      assert.equal(error.code, -32602);
      assert.deepEqual(error.details['allowed'], ['set_load', 'reset']);
      assert.equal(error.details['nearest'], 'set_load');
      return true;
    });
    const bad = execute({ device_id, command: 'set_load', arguments: { on: 'yes' } });
    await assert.rejects(bad, (error: RpcError) => {
      assert.equal(error.code, -32602);
      assert.equal(error.details['field'], 'arguments.on');
      return true;
    });
    assert.equal(sent.length, 0);
    const running = execute({ device_id, command: 'set_load', arguments: { on: true } });
    await settled();
    reply(0, { result: {} });
    await running;
  });

  it('has nothing of a secret argument in what would repair it', async () => {
    const { register, execute } = createCommands();
    const pin = { type: 'object', properties: { at: { items: { type: 'string' } } } };
    const argumentsOf = (marked: object): object => ({
      ...{ type: 'object', properties: { pin: { ...pin, ...marked }, level: { type: 'number' } } },
    });
    const { device_id } = await register(
      {},
      {
        commands: [
          { name: 'join', arguments: argumentsOf({ 'x-sensitive': true }) },
          { name: 'open', arguments: argumentsOf({}) },
        ],
      },
    );
    for (const [command, args] of [
      ['join', { pin: { at: [1234] } }],
      ['open', { pin: { at: [1234] } }],
    ] as const)
      await assert.rejects(execute({ device_id, command, arguments: args }), (error: RpcError) => {
        assert.equal(error.code, -32602);
        assert.ok(!JSON.stringify(error.toObject()).includes('1234'));
        return true;
      });
    const plain = execute({ device_id, command: 'open', arguments: { level: '7' } });
    await assert.rejects(plain, (error: RpcError) => {
      assert.deepEqual(error.details['fix'], { set: { 'arguments.level': 7 } });
      return true;
    });
  });

  it('refuses params that make no sense', async () => {
    const { register, execute } = createCommands();
    const { device_id } = await register();
    for (const params of [
      { device_id },
      { device_id, command: 5 },
      { device_id, command: 'a\u0000b' },
      { device_id, command: 'x', arguments: [] },
      { device_id, command: 'x', timeout_ms: 99 },
      { device_id, command: 'x', timeout_ms: 300_001 },
      { device_id, command: 'x', arguments: { a: 'x'.repeat(70_000) } },
    ])
      await assert.rejects(execute(params), rpcError(-32602));
  });

  it('fails when it cannot be delivered, and when there is no way at all', async () => {
    const { register, execute, useLink, clock } = createCommands();
    const { device_id } = await register();
    useLink({
      deliver: () => Promise.reject(new RpcError(ErrorCode.DeviceOffline, 'not subscribed')),
    });
    await assert.rejects(execute({ device_id, command: 'x' }), rpcError(-32001, /subscribed/));
    assert.equal(clock.pending(), 0);
    useLink(undefined);
    await assert.rejects(execute({ device_id, command: 'x' }), rpcError(-32001, /broker/));
  });

  it('is not sent when it cannot be stored', async () => {
    const { register, execute, records, sent } = createCommands();
    const { device_id } = await register();
    records.failWith(new Error('disk full'));
    await assert.rejects(execute({ device_id, command: 'x' }), /disk full/);
    assert.equal(sent.length, 0);
  });

  it('tells the caller what the device did even if that cannot be stored', async () => {
    const { register, execute, records, reply, log } = createCommands();
    const { device_id } = await register();
    const running = execute({ device_id, command: 'x' });
    await settled();
    records.failWith(new Error('disk full'));
    reply(0, { result: { done: true, applied_config: { a: 1 } } });
    assert.deepEqual((await running).result, { done: true });
    assert.match(log.lines.join(), /disk full/);
  });

  it('is marked failed at the next start when the hub stopped meanwhile, and a late answer still recorded', async () => {
    const first = createCommands();
    const { device_id } = await first.register();
    void first.execute({ device_id, command: 'x' }).catch(() => undefined);
    await settled();
    const { id } = first.sent[0]!;
    const second = createCommands({}, { records: first.records });
    await second.registry.load();
    await second.commands.load();
    assert.equal(second.recordOf(id)!['state'], 'failed');
    assert.match(JSON.stringify(second.recordOf(id)!['error']), /hub stopped/);
    assert.equal(second.commands.answer(device_id, { id, result: 'late' }), 'late');
    await settled();
    assert.equal(second.recordOf(id)!['late_answer'], 'late');
  });

  it('ends what is under way when the hub stops', async () => {
    const { register, execute, commands, clock } = createCommands();
    const { device_id } = await register();
    const running = execute({ device_id, command: 'x' });
    await settled();
    commands.close();
    await assert.rejects(running, rpcError(-32603, /stopping/));
    assert.equal(clock.pending(), 0);
  });

  it('keeps only the newest records, and notes of large results their size alone', async () => {
    const { register, execute, records, reply, sent, recordOf } = createCommands({ keep: 3 });
    const { device_id } = await register();
    for (let n = 0; n < 5; n++) {
      const running = execute({ device_id, command: 'x' });
      await settled();
      reply(n, { result: 'y'.repeat(10_000) });
      assert.equal(String((await running).result).length, 10_000);
    }
    await settled();
    assert.equal(records.count('command'), 3);
    assert.equal(recordOf(sent[0]!.id), undefined);
    assert.deepEqual(recordOf(sent[4]!.id)!['result'], { not_kept: true, bytes: 10_002 });
  });
});

describe('executing a batch', () => {
  it('runs concurrently, with a result per device in their order', async () => {
    const { register, registry, commands, sent, reply } = createCommands();
    const ids = [
      (await register()).device_id,
      (await register()).device_id,
      (await register()).device_id,
    ];
    await registry.setStatus(ids[1]!, 'offline');
    const running = commands.executeBatch(
      { device_ids: [...ids, 'nobody'], command: 'read' },
      admin,
    );
    await settled();
    assert.deepEqual(
      sent.map(({ targetId }) => targetId),
      [ids[0], ids[2]],
    );
    reply(1, { result: { v: 2 } });
    reply(0, { result: { v: 0 } });
    const { results, summary } = await running;
    assert.deepEqual(
      results.map(({ device_id }) => device_id),
      [...ids, 'nobody'],
    );
    assert.deepEqual(
      results.map(({ status }) => status),
      ['success', 'failed', 'success', 'failed'],
    );
    assert.deepEqual(
      results.map(({ error }) => error?.code),
      [undefined, -32001, undefined, -32000],
    );
    assert.deepEqual(results[2]!.result!.result, { v: 2 });
    assert.deepEqual(summary, { success: 2, failed: 2 });
  });

  it('has the sensors of one MCU take turns', async () => {
    const { register, registry, commands, sent, reply } = createCommands();
    const { device_id: mcu_id } = await register();
    const sensors = await Promise.all(
      ['A', 'B'].map((model) => registry.discoverSensor({ mcu_id, static_schema: { model } })),
    );
    const device_ids = sensors.map((found) => (found as { sensor_id: string }).sensor_id);
    const running = commands.executeBatch({ device_ids, command: 'read' }, admin);
    await settled();
    assert.equal(sent.length, 1);
    reply(0, { result: 1 });
    await settled();
    reply(1, { result: 2 });
    assert.deepEqual((await running).summary, { success: 2, failed: 0 });
  });

  it('refuses lists that are none, too long, or name a device twice', async () => {
    const { commands } = createCommands();
    for (const device_ids of [undefined, [], [1], Array(101).fill('x'), ['a', 'a']])
      await assert.rejects(
        commands.executeBatch({ device_ids, command: 'x' }, admin),
        rpcError(-32602, /device_ids/),
      );
  });
});

describe('calling a method of a device', () => {
  const method = 'greenhouse.adjust_irrigation';
  const schema = { arguments: { zone: 'string', duration_seconds: 'number' } };

  it('needs no device_id while one device offers it, and checks the arguments', async () => {
    const { register, registry, commands, sent, reply } = createCommands();
    const { device_id } = await register();
    await registry.registerMethod({ device_id, method_name: method, schema, timeout_ms: 500 });
    await assert.rejects(
      commands.callMethod(method, { zone: 'a' }, admin),
      rpcError(-32602, /duration_seconds/),
    );
    const args = { zone: 'a', duration_seconds: 5 };
    const running = commands.callMethod(method, args, admin);
    await settled();
    assert.deepEqual([sent[0]!.method, sent[0]!.params], [method, args]);
    reply(0, { result: { watered: true } });
    assert.deepEqual((await running).result, { watered: true });
  });

  it('needs a device_id when several devices offer it', async () => {
    const { register, registry, commands, sent, reply } = createCommands();
    const ids = [(await register()).device_id, (await register()).device_id];
    const { device_id: other } = await register();
    for (const device_id of ids) await registry.registerMethod({ device_id, method_name: method });
    await assert.rejects(commands.callMethod(method, {}, admin), (error: RpcError) => {
      assert.equal(error.code, -32602);
      assert.deepEqual(
        (error.details['allowed'] as { device_id: string }[]).map(({ device_id }) => device_id),
        ids,
      );
      return true;
    });
    await assert.rejects(
      commands.callMethod(method, { device_id: other }, admin),
      rpcError(-32602, /does not offer/),
    );
    const running = commands.callMethod(method, { device_id: ids[1]! }, admin);
    await settled();
    assert.equal(sent[0]!.targetId, ids[1]);
    assert.deepEqual(sent[0]!.params, {});
    reply(0, { result: 1 });
    await running;
    await assert.rejects(commands.callMethod('no.such', {}, admin), rpcError(-32601));
  });
});
