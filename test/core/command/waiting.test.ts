import assert from 'node:assert/strict';
import { createWaitingCommands } from '../../../nodes/core/command/waiting.ts';
import type { CommandState } from '../../../nodes/core/command/types.ts';
import { readPolicy } from '../../../nodes/core/security/policy.ts';
import { createCommandExecutor } from '../../../nodes/core/command/executor.ts';
import { closedGuard, createCommandGuard } from '../../../nodes/core/command/guard.ts';
import { createAuditTrail } from '../../../nodes/core/security/audit.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { admin, createCommandRig, writer } from '../../support/command-rig.ts';
import { createMemoryLog, rpcError, settled } from '../../support/domain.ts';

describe('a command that waits for its device', () => {
  const setUp = async (...more: Parameters<typeof createCommandRig>) => {
    const rig = createCommandRig(...more);
    const { device_id } = await rig.register();
    await rig.goesAway(device_id);
    const commands = await rig.start();
    const give = (command: string, params: object = {}, by = writer) =>
      commands.execute({ device_id, command, wait: true, ...params }, by);
    return { ...rig, commands, device_id, give };
  };

  it('is answered at once, and delivered once and in order when the device is there', async () => {
    const { give, sent, reply, comesBack, commands, device_id, told, stateOf } = await setUp();
    const answers = [await give('first', { ttl_s: 60 }), await give('second')];
    assert.deepEqual(
      answers.map(({ status, expires_at }) => [status, expires_at]),
      [
        ['queued', '2026-01-01T00:01:00.000Z'],
        ['queued', '2026-01-01T01:00:00.000Z'],
      ],
    );
    const [one, two] = answers.map(({ command_id }) => command_id);
    assert.equal(sent.length, 0);
    await comesBack(commands, device_id);
    assert.deepEqual(
      sent.map(({ id, method }) => [id, method]),
      [[one, 'first']],
    );
    sent[0]!.delivered();
    await reply(commands, 0);
    commands.wake(device_id);
    await settled();
    assert.deepEqual(
      sent.map(({ id }) => id),
      [one, two],
    );
    await reply(commands, 1);
    await comesBack(commands, device_id);
    assert.equal(sent.length, 2);
    assert.deepEqual([stateOf(one), stateOf(two)], ['done', 'done']);
    const statesOf = (id?: string): string[] =>
      told.filter(([of]) => of === id).map(([, state]) => state);
    assert.deepEqual(statesOf(one), ['queued', 'sent', 'delivered', 'done']);
    assert.deepEqual(statesOf(two), ['queued', 'sent', 'done']);
    assert.equal(commands.stats().waiting, 0);
  });

  it('leaves when a busy device is free, and at once when the device is there', async () => {
    const { give, sent, reply, comesBack, commands, device_id } = await setUp();
    await comesBack(commands, device_id);
    const running = commands.execute({ device_id, command: 'slow' }, writer);
    await settled();
    assert.equal((await give('next')).status, 'queued');
    assert.equal(sent.length, 1);
    await reply(commands, 0);
    await running;
    await settled();
    assert.deepEqual(sent.at(-1)?.method, 'next');
    await reply(commands, 1);
    const direct = give('now');
    await settled();
    await reply(commands, 2, { result: { done: true } });
    assert.deepEqual((await direct).result, { done: true });
  });

  it('waits until the device listens, where the link can tell', async () => {
    const { give, sent, clock, commands, device_id, link, registry } = await setUp();
    await give('read');
    link.listens = false;
    await registry.setStatus(device_id, 'online');
    commands.wake(device_id);
    clock.advance(5_000);
    await settled();
    assert.equal(sent.length, 0);
    link.listens = true;
    clock.advance(500);
    await settled();
    assert.equal(sent.length, 1);
  });

  it('waits for a device that is online and does not listen yet', async () => {
    const { give, sent, clock, commands, device_id, link, comesBack } = await setUp();
    await comesBack(commands, device_id);
    link.listens = false;
    assert.equal((await give('read')).status, 'queued');
    assert.equal(sent.length, 0);
    link.listens = true;
    clock.advance(500);
    await settled();
    assert.equal(sent.length, 1);
  });

  it('waits on over a restart, is sent once, and not again after it was', async () => {
    const { give, sent, start, comesBack, commands, device_id, reply, stateOf } = await setUp();
    const { command_id } = await give('open', { arguments: { text: 'x'.repeat(10_000) } });
    commands.close();
    const second = await start();
    assert.equal(second.stats().waiting, 1);
    second.hold();
    await comesBack(second, device_id);
    assert.equal(sent.length, 0, 'the limits may not be in force yet');
    second.release();
    await settled();
    assert.equal(sent.length, 1);
    assert.equal((sent[0]!.params['text'] as string).length, 10_000);
    second.close();
    const third = await start();
    await comesBack(third, device_id);
    assert.equal(sent.length, 1, 'the hub stopped when it was under way');
    await reply(third, 0);
    assert.equal(stateOf(command_id), 'failed');
  });

  it('that is too old expires and never reaches the device, also while the hub was away', async () => {
    const { give, sent, start, clock, commands, device_id, comesBack, stateOf, audited } =
      await setUp();
    const { command_id: early } = await give('open', { ttl_s: 1 });
    clock.advance(1_000);
    await settled();
    assert.equal(stateOf(early), 'expired');
    const { command_id: late } = await give('open', { ttl_s: 60 });
    commands.close();
    clock.advance(60_000);
    const again = await start();
    clock.advance(0);
    await settled();
    await comesBack(again, device_id);
    assert.equal(stateOf(late), 'expired');
    assert.equal(sent.length, 0);
    const ends = audited.filter(({ details }) => details?.['state'] === 'expired');
    assert.deepEqual(
      ends.map(({ outcome, code, details }) => [outcome, code, details?.['command_id']]),
      [
        ['failed', -32003, early],
        ['failed', -32003, late],
      ],
    );
    const record = again.get({ command_id: late }, admin);
    assert.match((record.error?.data as { reason: string }).reason, /it was not sent/);
    assert.equal('waits' in record, false);
  });

  it('waits no longer than the key of who gave it is good', async () => {
    const { give } = await setUp();
    const by = { ...writer, expires_at: '2026-01-01T00:00:10.000Z' };
    assert.equal((await give('open', {}, by)).expires_at, by.expires_at);
  });

  it('is cancelled with the reason when who gave it may not any more', async () => {
    let stands = true;
    const { give, sent, comesBack, commands, device_id, stateOf } = await setUp({
      stands: () => stands,
    });
    const { command_id } = await give('open');
    stands = false;
    await comesBack(commands, device_id);
    assert.equal(sent.length, 0);
    assert.equal(stateOf(command_id), 'cancelled');
    const { error } = commands.get({ command_id }, admin);
    assert.match(JSON.stringify(error), /may not give any now/);
  });

  it('is held against policies, declaration and scope again when it leaves', async () => {
    const rig = createCommandRig();
    const audit = createAuditTrail({ clock: rig.clock, log: createMemoryLog() });
    const guard = createCommandGuard({
      ...{ registry: rig.registry, audit, clock: rig.clock },
      store: { latest: () => [] },
      requireSignature: () => Promise.resolve(),
    });
    const { device_id } = await rig.register({ labels: { room: 'kitchen' } });
    await rig.goesAway(device_id);
    const commands = createCommandExecutor({
      ...{ registry: rig.registry, records: rig.records, clock: rig.clock, ids: rig.ids },
      ...{ log: rig.log, guard },
      link: () => ({
        deliver(targetId, command) {
          rig.sent.push({ targetId, ...command, delivered: () => undefined });
          return Promise.resolve();
        },
      }),
    });
    const scoped = { ...writer, scope: { labels: { room: 'kitchen' } } };
    const give = (command: string, by = writer) =>
      commands.execute({ device_id, command, wait: true }, by);
    const denied = await give('open');
    const moved = await give('shut', scoped);
    commands.setPolicy('p', {
      ...{ name: 'night', always: true },
      rules: readPolicy([{ name: 'never', for: { commands: ['open'] }, deny: true }]),
    });
    await rig.registry.update({ device_id, labels: { room: 'hall' } });
    await rig.comesBack(commands, device_id);
    const ends = [denied, moved].map(({ command_id }) => commands.get({ command_id }, admin));
    assert.deepEqual(
      ends.map(({ state, error }) => [state, error?.code]),
      [
        ['cancelled', -32005],
        ['cancelled', -32000],
      ],
    );
    assert.equal(rig.sent.length, 0);
  });

  it('is signed when it comes, and cancelled when it becomes critical afterwards', async () => {
    const rig = createCommandRig();
    let critical: string[] = ['open'];
    const signatures: unknown[] = [];
    const commands = await createCommandRig({
      ...{ registry: rig.registry, records: rig.records, clock: rig.clock },
      guard: {
        ...closedGuard,
        isCritical: ({ command }) => critical.includes(command),
        requireSignature: ({ params }) => {
          signatures.push(params['signature']);
          return Promise.resolve();
        },
      },
    }).start();
    const { device_id } = await rig.register();
    await rig.goesAway(device_id);
    const give = async (command: string): Promise<string> =>
      (await commands.execute({ device_id, command, wait: true, signature: command }, writer))
        .command_id;
    const [signed, plain] = [await give('open'), await give('dim')];
    critical = ['open', 'dim'];
    await rig.comesBack(commands, device_id);
    const stateOf = (id: string): unknown => commands.get({ command_id: id }, admin).state;
    assert.deepEqual([stateOf(signed), stateOf(plain)], ['sent', 'queued']);
    rig.clock.advance(10_000);
    await settled();
    assert.deepEqual([stateOf(signed), stateOf(plain)], ['timed_out', 'cancelled']);
    assert.match(JSON.stringify(commands.get({ command_id: plain }, admin)), /became critical/);
    assert.deepEqual(signatures, ['open'], 'no signature is asked for twice');
  });

  it('has its effect read back when it is sent, for those who ask later', async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register({}, { measurements: [{ measurement_type: 'level' }] });
    await rig.goesAway(device_id);
    const commands = await rig.start();
    const confirm = { measurement_type: 'level', above: 5 };
    const params = { device_id, command: 'fill', wait: true, confirm };
    const { command_id } = await commands.execute(params, writer);
    const reading = { device_id, measurement_type: 'level', value: 6 };
    commands.observe([{ ...reading, timestamp: rig.clock.now() }]);
    await rig.comesBack(commands, device_id);
    await rig.reply(commands, 0);
    assert.equal(commands.get({ command_id }, writer).confirmed, undefined);
    commands.observe([{ ...reading, timestamp: rig.clock.now() }]);
    await settled();
    const { state, confirmed, reading: shown } = commands.get({ command_id }, writer);
    assert.deepEqual([state, confirmed, shown?.value], ['done', true, 6]);
  });

  it('is bounded in all, counting those that are being stored', () => {
    const waiting = createWaitingCommands({
      ...{ clock: createFakeClock(), onExpired: () => undefined },
      ...{ mostOfDevice: 2, most: 3 },
    });
    const free = waiting.reserve('a');
    waiting.reserve('a');
    assert.throws(() => waiting.reserve('a'), rpcError(-32006, /2 commands wait for this device/));
    waiting.reserve('b');
    assert.throws(() => waiting.reserve('c'), rpcError(-32006, /3 commands wait for their/));
    free();
    waiting.reserve('c');
  });

  it('is bounded for a device, in its arguments and in its time', async () => {
    const { give, commands, device_id } = await setUp();
    for (let i = 0; i < 20; i += 1) await give('open');
    await assert.rejects(give('open'), rpcError(-32006, /20 commands wait/));
    for (const wrong of [
      { ttl_s: 0.5 },
      { ttl_s: 604_801 },
      { ttl_s: 'an hour' },
      { wait: 'yes' },
      { wait: false, ttl_s: 5 },
      { reason: 'x'.repeat(501) },
      { arguments: { text: 'x'.repeat(17_000) } },
    ])
      await assert.rejects(give('open', wrong), rpcError(-32602));
    commands.forget(device_id);
    await settled();
    assert.equal(commands.stats().waiting, 0);
    assert.equal(commands.list({ state: 'cancelled' }, admin).commands.length, 20);
  });

  it('does not wait when it cannot be kept', async () => {
    const { give, records, commands } = await setUp();
    records.failWith(new Error('disk full'));
    await assert.rejects(give('open'), /disk full/);
    assert.equal(commands.stats().waiting, 0);
  });
});

describe('command.get, command.list and command.cancel', () => {
  const setUp = async () => {
    const rig = createCommandRig();
    const kitchen = await rig.register({ labels: { room: 'kitchen' } });
    const hall = await rig.register({ labels: { room: 'hall' } });
    const commands = await rig.start();
    for (const { device_id } of [kitchen, hall]) await rig.goesAway(device_id);
    const give = async (device_id: string, params: object = {}, by = writer) => {
      rig.clock.advance(1_000);
      return (await commands.execute({ device_id, command: 'open', wait: true, ...params }, by))
        .command_id;
    };
    const cook = {
      ...{ id: 'cook', role: 'llm_read' as const },
      scope: { labels: { room: 'kitchen' } },
    };
    return { ...rig, commands, kitchen: kitchen.device_id, hall: hall.device_id, give, cook };
  };

  it('tell those of the devices somebody may know of, the newest first, in pages', async () => {
    const { give, commands, kitchen, hall, cook } = await setUp();
    const ids = [await give(kitchen), await give(hall), await give(kitchen)];
    const listed = (params: object, by: typeof cook | typeof writer) =>
      commands.list(params as Record<string, unknown>, by).commands.map((one) => one.command_id);
    assert.deepEqual(listed({}, writer), ids.toReversed());
    assert.deepEqual(listed({}, cook), [ids[2], ids[0]]);
    assert.deepEqual(listed({ device_id: hall }, writer), [ids[1]]);
    assert.deepEqual(listed({ state: 'done' }, writer), []);
    const page = commands.list({ limit: 2 }, writer);
    assert.deepEqual(
      commands
        .list({ limit: 2, cursor: page.cursor }, writer)
        .commands.map((one) => one.command_id),
      [ids[0]],
    );
    assert.throws(() => commands.list({ device_id: hall }, cook), rpcError(-32000));
    assert.throws(() => commands.list({ state: 'gone' }, cook), rpcError(-32602));
    assert.throws(() => commands.get({ command_id: ids[1] }, cook), rpcError(-32602, /no command/));
    assert.throws(() => commands.get({ command_id: 'x' }, cook), rpcError(-32602, /no command/));
    assert.throws(() => commands.get({}, cook), rpcError(-32602));
  });

  it('show no secrets, nor the keys of others, nor in a narrow scope what others said', async () => {
    const { commands, clock, registry, give, kitchen, cook } = await setUp();
    assert.ok(clock);
    await registry.registerMethod({
      ...{ device_id: kitchen, method_name: 'own.join' },
      schema: { properties: { pin: { type: 'string', 'x-sensitive': true } } },
    });
    const id = await give(kitchen, {
      ...{ command: 'own.join', arguments: { pin: '1234' } },
      ...{ reason: 'as the hall is cold', request_key: 'mine' },
    });
    const own = commands.get({ command_id: id }, writer);
    assert.deepEqual(own.arguments, { pin: '***' });
    assert.deepEqual(
      [own.issued_by, own.request_key, own.reason],
      ['writer', 'mine', 'as the hall is cold'],
    );
    assert.ok(own.untrusted.includes('reason'));
    const other = commands.get({ command_id: id }, cook);
    assert.deepEqual([other.issued_by, other.request_key, other.reason], Array(3).fill(undefined));
    assert.equal(commands.get({ command_id: id }, admin).issued_by, 'writer');
    assert.ok(!JSON.stringify([own, other, commands.list({}, admin)]).includes('1234'));
  });

  it('cancel what waits, by who may command it, and tell what is known of what was sent', async () => {
    const { commands, give, kitchen, cook, audited, comesBack, sent, reply } = await setUp();
    const id = await give(kitchen);
    const narrow = { ...writer, scope: { commands: ['shut'] } };
    const cancel = (command_id: string, by = writer, more: object = {}) =>
      commands.cancel({ command_id, ...more }, by, { transport: 'http', address: '10.0.0.1' });
    await assert.rejects(cancel(id, narrow), rpcError(-32005));
    await assert.rejects(
      cancel(id, { ...writer, scope: { labels: { room: 'hall' } } }),
      rpcError(-32602),
    );
    const operator = { id: 'o', role: 'user_operator' as const };
    await assert.rejects(commands.cancel({ command_id: id }, operator), rpcError(-32005));
    assert.ok(cook);
    const cancelled = await cancel(id, writer, { reason: 'not needed' });
    assert.deepEqual([cancelled.state, cancelled.cancel_reason], ['cancelled', 'not needed']);
    assert.equal((await cancel(id)).state, 'cancelled', 'cancelled already');
    const last = audited.at(-1);
    assert.deepEqual(
      [last?.outcome, last?.transport, last?.address, last?.details?.['cancel_reason']],
      ['ok', 'http', '10.0.0.1', 'not needed'],
    );
    const next = await give(kitchen);
    await comesBack(commands, kitchen);
    assert.equal(sent.length, 1);
    const known =
      (state: CommandState, code: number) => (error: { code: number; details: object }) => {
        assert.equal(error.code, code);
        assert.equal((error.details as { state: string }).state, state);
        assert.ok('sent_at' in error.details);
        return true;
      };
    await assert.rejects(cancel(next), known('sent', -32002));
    await reply(commands, 0);
    await assert.rejects(cancel(next), known('done', -32602));
  });
});

describe('commands on record', () => {
  it('say who gave them, by what way, with what program and why', async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register();
    const commands = await rig.start();
    const running = commands.execute(
      { device_id, command: 'open', reason: 'it is hot' },
      writer,
      undefined,
      { transport: 'mcp', address: '10.0.0.1', agent: 'desk 1.2', traceparent: 'a trace' },
    );
    await settled();
    await rig.reply(commands, 0);
    await running;
    assert.equal(rig.sent[0]?.traceparent, 'a trace');
    const [entry] = rig.audited;
    assert.deepEqual(
      [entry?.principal?.id, entry?.transport, entry?.address, entry?.isAnswer],
      ['writer', 'mcp', '10.0.0.1', true],
    );
    assert.equal(entry?.details?.['reason'], 'it is hot');
    assert.equal(entry.details['agent'], 'desk 1.2');
    const shown = commands.list({}, admin).commands[0];
    assert.deepEqual([shown?.reason, shown?.agent], ['it is hot', 'desk 1.2']);
  });
});
