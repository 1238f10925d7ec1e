import assert from 'node:assert/strict';
import { createCommandExecutor } from '../../../nodes/core/command/executor.ts';
import { isSafeCommand } from '../../../nodes/core/command/permission.ts';
import type { CommandDeclaration } from '../../../nodes/core/device/types.ts';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import type { Principal, Scope } from '../../../nodes/core/security/types.ts';
import { createDomain, createMemoryLog, rpcError } from '../../support/domain.ts';

const operator: Principal = { id: 'olga', role: 'user_operator' };
const writer = (scope: Scope): Principal => ({ id: 'w', role: 'llm_write', scope });

/** A heater whose commands are answered at once, and one that declares none. */
async function createHeaters() {
  const domain = createDomain();
  const { registry, records, clock, ids, register } = domain;
  const sent: string[] = [];
  const commands = createCommandExecutor({
    registry,
    link: () => ({
      deliver(targetId, { id, method }) {
        sent.push(method);
        setImmediate(() => commands.answer(targetId, { jsonrpc: '2.0', id, result: {} }));
        return Promise.resolve();
      },
    }),
    records,
    clock,
    ids,
    log: createMemoryLog(),
  });
  const declared = {
    commands: [
      { name: 'set_temperature', arguments: { target: 'number' } },
      { name: 'light.on', read_only: false },
      { name: 'factory_reset', destructive: true },
    ] satisfies object[],
  };
  const { device_id: heater } = await register({ name: 'heater' }, declared);
  const { device_id: plain } = await register({ name: 'plain' });
  const run = (
    principal: Principal,
    command: string,
    args: object = {},
    device_id = heater,
  ): Promise<unknown> => commands.execute({ device_id, command, arguments: args }, principal);
  return { ...domain, commands, heater, plain, run, sent };
}

describe('the commands of a user_operator', () => {
  it('are those a device declares, and neither as destructive nor as critical', () => {
    const cases: [declaration: object | undefined, safe: boolean][] = [
      [{ name: 'read' }, true],
      [{ name: 'read', read_only: true }, true],
      [{ name: 'open', destructive: false, critical: false }, true],
      [{ name: 'wipe', destructive: true }, false],
      [{ name: 'flash', critical: true }, false],
      [{ name: 'flash', destructive: false, critical: true }, false],
      [undefined, false],
    ];
    for (const [declaration, safe] of cases)
      assert.equal(isSafeCommand(declaration as CommandDeclaration | undefined), safe);
  });

  it('are carried out when they are safe, and refused with the safe ones named when not', async () => {
    const { run, sent, plain } = await createHeaters();
    await run(operator, 'light.on');
    await assert.rejects(run(operator, 'factory_reset'), (error: RpcError) => {
      assert.equal(error.code, -32005);
      assert.deepEqual(error.details['allowed'], ['set_temperature', 'light.on']);
      assert.equal(error.details['field'], 'command');
      return true;
    });
    await assert.rejects(run(operator, 'anything', {}, plain), rpcError(-32005, /not declare/));
    await run({ id: 'w', role: 'llm_write' }, 'factory_reset');
    assert.deepEqual(sent, ['light.on', 'factory_reset']);
  });
});

describe('the commands of a scope', () => {
  it('are names, or a prefix with .*', async () => {
    const { run, sent } = await createHeaters();
    const principal = writer({ commands: ['light.*'] });
    await run(principal, 'light.on');
    await assert.rejects(run(principal, 'factory_reset'), (error: RpcError) => {
      assert.equal(error.code, -32005);
      assert.deepEqual(
        [error.details['field'], error.details['allowed']],
        ['command', ['light.*']],
      );
      return true;
    });
    assert.deepEqual(sent, ['light.on']);
  });

  const bounded = {
    type: 'object',
    properties: { target: { type: 'number', maximum: 25 } },
    required: ['target'],
  };

  it('may bound the arguments, and the error names the field and what is allowed', async () => {
    const { run, sent } = await createHeaters();
    const principal = writer({ arguments: { set_temperature: bounded } });
    await run(principal, 'set_temperature', { target: 25 });
    await assert.rejects(run(principal, 'set_temperature', { target: 26 }), (error: RpcError) => {
      assert.equal(error.code, -32005);
      assert.match(error.reason, /arguments\.target must be <= 25/);
      assert.equal(error.details['field'], 'arguments.target');
      assert.deepEqual(error.details['allowed_arguments'], bounded);
      return true;
    });
    await run(principal, 'light.on');
    assert.deepEqual(sent, ['set_temperature', 'light.on']);
  });

  it('hold for a batch as a whole, before any device has anything to do', async () => {
    const { commands, heater, plain, sent } = await createHeaters();
    const batch = (command: string, args: object, scope: Scope): Promise<unknown> =>
      commands.executeBatch(
        { device_ids: [heater, plain], command, arguments: args },
        writer(scope),
      );
    await assert.rejects(batch('light.on', {}, { commands: ['read'] }), rpcError(-32005));
    await assert.rejects(
      batch('set_temperature', { target: 30 }, { arguments: { set_temperature: bounded } }),
      rpcError(-32005, /target/),
    );
    assert.deepEqual(sent, []);
  });

  it('hold for the methods that devices registered', async () => {
    const { registry, commands, heater, sent } = await createHeaters();
    await registry.registerMethod({
      device_id: heater,
      method_name: 'heater.boost',
      schema: { arguments: { minutes: 'number' } },
    });
    const call = (minutes: number, scope: Scope): Promise<unknown> =>
      commands.callMethod('heater.boost', { minutes }, writer(scope));
    const short = { properties: { minutes: { maximum: 10 } } };
    await call(10, { arguments: { 'heater.boost': short } });
    await assert.rejects(
      call(11, { arguments: { 'heater.boost': short } }),
      rpcError(-32005, /minutes/),
    );
    await assert.rejects(call(1, { commands: ['light.*'] }), rpcError(-32005));
    await assert.rejects(call(1, { device_ids: ['another'] }), rpcError(-32601));
    assert.deepEqual(sent, ['heater.boost']);
  });

  it('are for the devices of the scope alone', async () => {
    const { run, heater, plain, sent } = await createHeaters();
    const principal = writer({ device_ids: [plain] });
    await assert.rejects(run(principal, 'light.on', {}, heater), rpcError(-32000));
    await run(principal, 'light.on', {}, plain);
    assert.deepEqual(sent, ['light.on']);
  });
});
