import assert from 'node:assert/strict';
import { createCommandRig, writer } from '../../support/command-rig.ts';
import { rpcError, settled } from '../../support/domain.ts';
import { createCommandReader } from '../../../nodes/core/schema/declarations.ts';

const declared = {
  open: { inverse: { command: 'close' } },
  close: {},
  rename: {
    inverse: { command: 'rename', arguments: { to: { $argument: 'from' }, list: [1, 'x'] } },
  },
  set: {
    arguments: { type: 'object' },
    inverse: { command: 'set', arguments: { level: { $before: 'level' } } },
  },
};

describe('an inverse that a device declares', () => {
  it('names a command declared beside it, and has bounds', () => {
    const read = createCommandReader();
    const [open] = read(declared, 'schema');
    assert.deepEqual(open?.inverse, { command: 'close' });
    for (const [inverse, field] of [
      [{ command: 'shut' }, 'commands.open.inverse.command'],
      [{}, 'commands.open.inverse'],
      ['close', 'commands.open.inverse'],
      [{ command: 'open', more: 1 }, 'commands.open.inverse'],
      [{ command: 'open', arguments: { x: 'x'.repeat(5_000) } }, 'commands.open.inverse.arguments'],
    ] as const)
      assert.throws(
        () => read({ open: { inverse } }, 'schema'),
        (error: { code: number; details: unknown }) => {
          assert.equal(error.code, -32004);
          assert.ok(JSON.stringify(error.details).includes(field), JSON.stringify(error.details));
          return true;
        },
      );
  });
});

describe('command.revert', () => {
  const setUp = async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register(
      {},
      { commands: createCommandReader()(declared, 'schema') },
    );
    const commands = await rig.start();
    const run = async (command: string, args: object = {}, outcome?: object) => {
      const running = commands.execute({ device_id, command, arguments: args }, writer);
      await settled();
      await rig.reply(commands, rig.sent.length - 1, outcome);
      return running;
    };
    const revert = (command_id: string, by = writer, more: object = {}) =>
      commands.revert({ command_id, ...more }, by);
    return { ...rig, commands, device_id, run, revert };
  };

  it('has the inverse carried out as any command, and notes which undid which', async () => {
    const { run, revert, commands, reply, sent, audited } = await setUp();
    const { command_id } = await run('open');
    const running = revert(command_id, writer, { reason: 'it rains' });
    await settled();
    await reply(commands, 1);
    const answer = await running;
    assert.equal(answer.reverts, command_id);
    assert.equal(sent[1]!.method, 'close');
    const [first, second] = [command_id, answer.command_id].map((id) =>
      commands.get({ command_id: id }, writer),
    );
    assert.equal(first?.reverted_by, answer.command_id);
    assert.deepEqual([second?.reverts, second?.reason], [command_id, 'it rains']);
    assert.equal(audited.at(-1)?.details?.['reverts'], command_id);
    assert.equal(audited.at(-1)?.subject, 'close');
  });

  it('fills in arguments of the command and what the configuration was before it', async () => {
    const { run, revert, commands, reply, sent } = await setUp();
    const renamed = await run('rename', { from: 'a', to: 'b' });
    const undo = async (id: string): Promise<void> => {
      const running = revert(id);
      await settled();
      await reply(commands, sent.length - 1);
      await running;
    };
    await undo(renamed.command_id);
    assert.deepEqual(sent.at(-1)?.params, { to: 'a', list: [1, 'x'] });
    const unknown = await run('set', { level: 1 }, { result: { applied_config: { level: 1 } } });
    await assert.rejects(revert(unknown.command_id), rpcError(-32602, /what level was before/));
    const set = await run('set', { level: 5 }, { result: { applied_config: { level: 5 } } });
    await undo(set.command_id);
    assert.deepEqual(sent.at(-1)?.params, { level: 1 });
  });

  it('is once, but a revert that failed may be tried again; a key answers what the first answered', async () => {
    const { run, revert, commands, reply, sent } = await setUp();
    const { command_id } = await run('open');
    const failing = revert(command_id);
    await settled();
    await assert.rejects(revert(command_id), rpcError(-32602, /undone already/));
    const failed = assert.rejects(failing, rpcError(-32007));
    await reply(commands, 1, { error: { code: -32007, message: 'stuck' } });
    await failed;
    const keyed = { request_key: 'r' };
    const again = revert(command_id, writer, keyed);
    await settled();
    await reply(commands, 2);
    const answer = await again;
    assert.deepEqual(await revert(command_id, writer, keyed), answer);
    await assert.rejects(revert(command_id), (error: { details: Record<string, unknown> }) => {
      assert.equal(error.details['reverted_by'], answer.command_id);
      return true;
    });
    assert.equal(sent.length, 3);
  });

  it('is for what was carried out or may have been, has an inverse, and may be commanded', async () => {
    const { run, revert, commands, goesAway, device_id, clock } = await setUp();
    const { command_id: close } = await run('close');
    await assert.rejects(revert(close), rpcError(-32602, /names no inverse/));
    await assert.rejects(revert('none'), rpcError(-32602, /no command/));
    const { command_id: open } = await run('open');
    const only = { ...writer, scope: { commands: ['open'] } };
    await assert.rejects(revert(open, only), rpcError(-32005, /close/));
    const shutOnly = { ...writer, scope: { commands: ['close'] } };
    await assert.rejects(revert(open, shutOnly), rpcError(-32005, /open/));
    await goesAway(device_id);
    await assert.rejects(revert(open), rpcError(-32001));
    const waits = await commands.execute({ device_id, command: 'open', wait: true }, writer);
    await assert.rejects(revert(waits.command_id), rpcError(-32602, /this one is queued/));
    assert.ok(clock);
  });
});
