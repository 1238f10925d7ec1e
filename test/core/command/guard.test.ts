import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createAesSecretBox } from '../../../nodes/adapters/secrets/aes-secret-box.ts';
import { nodeMac } from '../../../nodes/adapters/signing/node-mac.ts';
import { createRequireSignature, signedBody } from '../../../nodes/core/command/call-signature.ts';
import { createCommandExecutor } from '../../../nodes/core/command/executor.ts';
import { createCommandGuard, type Policy } from '../../../nodes/core/command/guard.ts';
import { signMessage } from '../../../nodes/core/command/signed-message.ts';
import type { RpcError } from '../../../nodes/core/rpc/errors.ts';
import { canonical } from '../../../nodes/core/schema/canonical.ts';
import { createAuditTrail, type AuditEvent } from '../../../nodes/core/security/audit.ts';
import { readPolicy } from '../../../nodes/core/security/policy.ts';
import { createReplayGuard } from '../../../nodes/core/security/replay-guard.ts';
import { sign, signatureProblem } from '../../../nodes/core/security/signature.ts';
import { createSigningSecrets } from '../../../nodes/core/security/signing-secrets.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import type { LatestReading } from '../../../nodes/core/telemetry/ports.ts';
import { admin, createDomain, createMemoryLog, rpcError, settled } from '../../support/domain.ts';

const writer: Principal = { id: 'writer', role: 'llm_write' };
const door = {
  commands: [
    { name: 'open', critical: true },
    { name: 'dim', arguments: { level: 'number' } },
  ],
};
type Params = Record<string, unknown>;

/** An executor with its guard, over devices that do at once what they are told. */
async function createGuarded() {
  const domain = createDomain();
  const { registry, records, clock, ids } = domain;
  const log = createMemoryLog();
  const audit = createAuditTrail({ clock, log });
  const told: AuditEvent[] = [];
  audit.listen((event) => told.push(event));
  const box = createAesSecretBox([randomBytes(32)]);
  const secrets = createSigningSecrets({ records, clock, mac: nodeMac, box });
  const replays = createReplayGuard({ records, clock });
  const readings: LatestReading[] = [];
  const guard = createCommandGuard({
    ...{ registry, audit, clock },
    store: { latest: (of) => readings.filter(({ device_id }) => of?.includes(device_id)) },
    requireSignature: createRequireSignature({ mac: nodeMac, secrets, replays, audit, clock }),
  });
  const sent: { targetId: string; method: string; params: Params; critical?: true }[] = [];
  let answer: ((id: string, targetId: string) => void) | undefined;
  const commands = createCommandExecutor({
    ...{ registry, records, clock, ids, log, guard },
    link: () => ({
      deliver(targetId, { id, ...command }) {
        sent.push({ targetId, ...command });
        answer?.(id, targetId);
        return Promise.resolve();
      },
    }),
  });
  const reply = (id: string, targetId: string): void => {
    commands.answer(targetId, { jsonrpc: '2.0', id, result: {} });
  };
  answer = reply;
  const { secret } = await secrets.issue('caller:writer', 0);
  let count = 0;
  const signed = (
    method: string,
    params: Params,
    more: { id?: string; secret?: string } = {},
  ): Params => ({
    ...params,
    signature: sign(nodeMac, [more.secret ?? secret], {
      id: more.id ?? `m${++count}`,
      body: signedBody({ method, params }),
      now: clock.now(),
    }),
  });
  const policy = (rules: object[], more: Partial<Policy> = {}): void =>
    commands.setPolicy('p1', { name: 'p', always: true, rules: readPolicy(rules), ...more });
  return {
    ...{ ...domain, commands, sent, told, secret, secrets, signed, policy, readings },
    mute: () => (answer = undefined),
    by: (params: Params, principal: Principal | 'flow' = writer, under?: string) =>
      commands.execute(params, principal === 'flow' ? undefined : principal, under),
    signedBy: (params: Params, more?: { id?: string; secret?: string }) =>
      commands.execute(signed('device.execute', params, more), writer),
  };
}
const refused = (what: string) => (error: RpcError) =>
  rpcError(-32005)(error) && error.details['signature'] === what;

describe('what a caller signs', () => {
  it('is canonical JSON of method, device, command and arguments', () => {
    assert.equal(
      signedBody({
        method: 'device.execute',
        params: {
          ...{ timeout_ms: 5, signature: {}, device_id: 'd', command: 'open' },
          arguments: { b: 1.0, a: 'ü"', 10: 1, 9: [true, null] },
        },
      }),
      '{"arguments":{"10":1,"9":[true,null],"a":"ü\\"","b":1},"command":"open","device_id":"d","method":"device.execute"}',
    );
    assert.equal(
      signedBody({
        method: 'device.batch_execute',
        params: { device_ids: ['b', 'a'], command: 'x' },
      }),
      '{"arguments":{},"command":"x","device_ids":["b","a"],"method":"device.batch_execute"}',
    );
    assert.equal(
      signedBody({ method: 'door.open', params: { command: 1, device_id: 'd', signature: 2 } }),
      '{"arguments":{"command":1},"device_id":"d","method":"door.open"}',
    );
  });

  it('is written by RFC 8785: its example', () => {
    const example = JSON.parse(
      '{"numbers":[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001],"string":"\\u20ac$\\u000F\\u000aA\'\\u0042\\u0022\\u005c\\\\\\"\\/","literals":[null,true,false]}',
    ) as unknown;
    assert.equal(
      canonical(example),
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
    const names = { '\u20ac': 1, '\r': 2, '\ufb33': 3, 1: 4, '\ud83d\ude00': 5, '\u0080': 6, ö: 7 };
    assert.equal(canonical(names), '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
    assert.equal(canonical(JSON.parse('{"__proto__":1,"a":2}')), '{"__proto__":1,"a":2}');
  });
});

describe('a critical command', () => {
  it('leaves when its caller signed it, and is marked for the device', async () => {
    const { register, signedBy, sent, told } = await createGuarded();
    const { device_id } = await register({}, door);
    await signedBy({ device_id, command: 'open' });
    assert.deepEqual(sent, [{ targetId: device_id, method: 'open', params: {}, critical: true }]);
    assert.deepEqual(told, []);
  });

  it('is refused without a signature, whoever calls, and goes on record', async () => {
    const { register, by, sent, told } = await createGuarded();
    const { device_id } = await register({}, door);
    await assert.rejects(by({ device_id, command: 'open' }), refused('missing'));
    await assert.rejects(by({ device_id, command: 'open' }, admin), refused('missing'));
    await assert.rejects(by({ device_id, command: 'open', signature: null }), refused('missing'));
    await assert.rejects(by({ device_id, command: 'open' }, 'flow'), refused('missing'));
    assert.deepEqual(sent, []);
    assert.deepEqual(
      told.map(({ action, outcome, subject, principal, code }) => [
        ...[action, outcome, subject, principal?.id, code],
      ]),
      ['writer', 'admin', 'writer', undefined].map((id) => [
        ...['refusal', 'refused', 'open', id, -32005],
      ]),
    );
    await by({ device_id, command: 'dim', arguments: { level: 1 } });
    assert.equal(sent.length, 1, 'what is not critical needs none');
  });

  it('is refused when signed by somebody else, for something else, too late, or twice', async () => {
    const { register, by, signed, signedBy, secrets, clock, sent } = await createGuarded();
    const { device_id } = await register({}, door);
    const other = await register({}, door);
    const call = { device_id, command: 'open', arguments: { width: 1 } };
    const good = signed('device.execute', call);
    await assert.rejects(by({ ...good, arguments: { width: 2 } }), refused('wrong'));
    await assert.rejects(by({ ...good, device_id: other.device_id }), refused('wrong'));
    await assert.rejects(by(good, admin), refused('no_secret'));
    const { secret } = await secrets.issue('caller:admin', 0);
    await assert.rejects(by(good, admin), refused('wrong'));
    await assert.rejects(signedBy(call, { secret }), refused('wrong'));
    await assert.rejects(by({ ...good, signature: 'v1,abc' }), refused('malformed'));
    await by(good);
    await assert.rejects(by(good), refused('replayed'));
    const late = signed('device.execute', call);
    clock.advance(300_001);
    await assert.rejects(by(late), refused('stale'));
    assert.equal(sent.length, 1);
  });

  it('a wrong signature does not use up an id', async () => {
    const { register, signed, by } = await createGuarded();
    const { device_id } = await register({}, door);
    const good = signed('device.execute', { device_id, command: 'open' });
    await assert.rejects(by({ ...good, arguments: { a: 1 } }), refused('wrong'));
    await by(good);
  });

  it('in a batch: one signature for all devices, and only those that need it are refused without', async () => {
    const { register, commands, signed } = await createGuarded();
    const one = await register({}, door);
    const two = await register({}, door);
    const plain = await register();
    const device_ids = [one, two, plain].map(({ device_id }) => device_id);
    const call = { device_ids, command: 'open' };
    const good = signed('device.batch_execute', call);
    const states = (results: { status: string }[]): string[] => results.map(({ status }) => status);
    assert.deepEqual(states((await commands.executeBatch(call, writer)).results), [
      ...['failed', 'failed', 'success'],
    ]);
    const fewer = { ...good, device_ids: device_ids.slice(1) };
    assert.deepEqual(states((await commands.executeBatch(fewer, writer)).results), [
      ...['failed', 'success'],
    ]);
    assert.deepEqual(states((await commands.executeBatch(good, writer)).results), [
      ...['success', 'success', 'success'],
    ]);
    assert.deepEqual(states((await commands.executeBatch(good, writer)).results).slice(0, 2), [
      ...['failed', 'failed'],
    ]);
  });

  it('as a method of a device', async () => {
    const { register, registry, commands, signed, sent } = await createGuarded();
    const { device_id } = await register();
    await registry.registerMethod({ device_id, method_name: 'door.open', critical: true });
    await assert.rejects(commands.callMethod('door.open', { a: 1 }, writer), refused('missing'));
    await commands.callMethod('door.open', signed('door.open', { a: 1 }), writer);
    assert.deepEqual(sent, [
      { targetId: device_id, method: 'door.open', params: { a: 1 }, critical: true },
    ]);
    await assert.rejects(
      registry.registerMethod({
        ...{ device_id, method_name: 'door.shut' },
        schema: { type: 'object', properties: { signature: {} } },
      }),
      rpcError(-32602, /signature/),
    );
  });

  it('from a flow needs the secret of the flow', async () => {
    const { register, secrets, by, signed, sent } = await createGuarded();
    const { device_id } = await register({}, door);
    const { secret } = await secrets.issue('caller:flow', 0);
    await by(signed('device.execute', { device_id, command: 'open' }, { secret }), 'flow');
    assert.equal(sent.length, 1);
  });
});

describe('the signature of the hub for a device', () => {
  it('is over an ASCII text that names the device', async () => {
    const { secret } = await createGuarded();
    const now = Date.now();
    const command = { targetId: 'd1', id: 'c-1', method: 'open', params: { für: '😀"\n' } };
    const { body, signature } = signMessage(nodeMac, [secret], command, now);
    assert.match(body, /^[\x20-\x7e]+$/);
    assert.deepEqual(JSON.parse(body), {
      ...{ device_id: 'd1', id: 'c-1', method: 'open', params: { für: '😀"\n' } },
    });
    assert.equal(signatureProblem(nodeMac, [secret], { signature, body, now }), undefined);
    assert.equal(signature.id, 'c-1');
  });
});

describe('policies in the way of a command', () => {
  const level = (max: number) => ({ name: `up to ${max}`, range: { argument: 'level', max } });
  const dim = (device_id: string, value: unknown) => ({
    ...{ device_id, command: 'dim', arguments: { level: value } },
  });

  it('bind everybody alike, with the name of the rule, what is allowed, and an entry on record', async () => {
    const { register, by, policy, sent, told } = await createGuarded();
    const { device_id } = await register();
    policy([level(50)]);
    for (const principal of [
      writer,
      admin,
      { id: 'u', role: 'user_viewer' as const },
      'flow' as const,
    ])
      await assert.rejects(by(dim(device_id, 51), principal), (error: RpcError) => {
        assert.equal(error.details['policy'], 'up to 50');
        assert.deepEqual(error.details['allowed'], { argument: 'level', max: 50 });
        return rpcError(-32005, /policy up to 50/)(error);
      });
    await by(dim(device_id, 50));
    assert.equal(sent.length, 1);
    assert.deepEqual(
      told.map(({ action, policy: name, device_id: id }) => [action, name, id]),
      Array.from({ length: 4 }, () => ['policy', 'up to 50', device_id]),
    );
  });

  it('bind batches and methods of devices', async () => {
    const { register, registry, commands, policy, sent } = await createGuarded();
    const { device_id } = await register();
    await registry.registerMethod({ device_id, method_name: 'lamp.dim' });
    policy([level(50)]);
    const { command, arguments: args } = dim(device_id, 51);
    const batch = { device_ids: [device_id], command, arguments: args };
    const { results } = await commands.executeBatch(batch, writer);
    assert.equal(results[0]?.error?.code, -32005);
    await assert.rejects(commands.callMethod('lamp.dim', { level: 51 }, writer), rpcError(-32005));
    assert.deepEqual(sent, []);
  });

  it('of a node bind what comes through it, besides those for all', async () => {
    const { register, by, policy, commands } = await createGuarded();
    const { device_id } = await register();
    policy([level(50)]);
    commands.setPolicy('p2', { name: 'q', always: false, rules: readPolicy([level(20)]) });
    await by(dim(device_id, 30));
    await assert.rejects(by(dim(device_id, 30), writer, 'p2'), rpcError(-32005, /up to 20/));
    await assert.rejects(by(dim(device_id, 60), writer, 'p2'), rpcError(-32005, /up to 50/));
    await by(dim(device_id, 20), writer, 'p2');
    await assert.rejects(by(dim(device_id, 1), writer, 'gone'), rpcError(-32005, /not there/));
    commands.removePolicy('p1');
    await by(dim(device_id, 60));
  });

  it('that cannot be read let nothing pass', async () => {
    const { register, by, commands } = await createGuarded();
    const { device_id } = await register();
    commands.setPolicy('p', { name: 'p', always: true, rules: { problem: 'it is no JSON' } });
    await assert.rejects(by(dim(device_id, 1)), rpcError(-32005, /no JSON/));
    commands.setPolicy('p', { name: 'p', always: true, rules: [] });
    await by(dim(device_id, 1));
  });

  it('make commands critical', async () => {
    const { register, by, policy, signedBy, sent } = await createGuarded();
    const { device_id } = await register();
    policy([{ name: 'signed', for: { commands: ['dim'] }, critical: true }]);
    await assert.rejects(by(dim(device_id, 1)), refused('missing'));
    await signedBy(dim(device_id, 1));
    assert.equal(sent[0]?.critical, true);
    policy([{ name: 'signed', for: { commands: ['dim'] }, critical: true }, level(0)]);
    await assert.rejects(signedBy(dim(device_id, 1)), rpcError(-32005, /up to 0/));
  });

  it('slow changes down, counting what was sent before the policy was there, done or not', async () => {
    const { register, by, policy, clock, mute } = await createGuarded();
    const { device_id } = await register();
    const slow = [{ name: 'slow', rate: { argument: 'level', per_minute: 5 } }];
    await by(dim(device_id, 10));
    clock.advance(100_000);
    policy(slow);
    await assert.rejects(by(dim(device_id, 16)), (error: RpcError) => {
      assert.deepEqual(error.details['allowed'], {
        ...{ argument: 'level', per_minute: 5, min: 5, max: 15 },
      });
      return true;
    });
    mute();
    const unanswered = by({ ...dim(device_id, 15), timeout_ms: 100 });
    const ended = assert.rejects(unanswered, rpcError(-32003));
    await settled();
    clock.advance(100);
    await ended;
    await assert.rejects(by(dim(device_id, 9)), rpcError(-32005));
  });

  it('lock on readings and on commands of other devices', async () => {
    const { register, registry, by, policy, readings, clock } = await createGuarded();
    const { device_id } = await register();
    const fan = (await register()).device_id;
    const turning = { measurement_type: 'rpm', is: '>', value: 0, max_age: 30 };
    policy([
      {
        ...{ name: 'with the fan', for: { commands: ['heat'] } },
        interlock: { device_id: fan, ...turning },
      },
      {
        ...{ name: 'fan is on', for: { commands: ['heat'] } },
        interlock: { device_id: fan, command: 'on', undone_by: ['off'] },
      },
    ]);
    const heat = { device_id, command: 'heat' };
    await assert.rejects(by(heat), rpcError(-32005, /there is no reading/));
    const at = { device_id: fan, measurement_type: 'rpm', value_type: 'number' as const };
    readings.push({ ...at, value: 900, timestamp: clock.now(), quality: 'good' });
    await assert.rejects(by(heat), rpcError(-32005, /no such command is known/));
    await by({ device_id: fan, command: 'on' });
    await by(heat);
    await by({ device_id: fan, command: 'off' });
    await assert.rejects(by(heat), rpcError(-32005, /it is off/));
    await by({ device_id: fan, command: 'on' });
    await registry.setStatus(fan, 'offline');
    await assert.rejects(by(heat), rpcError(-32005, /not online/));
    await registry.setStatus(fan, 'online');
    await by(heat);
    clock.advance(30_001);
    await assert.rejects(by(heat), rpcError(-32005, /30 s are allowed/));
  });

  it('makes a command critical for a user_operator too, who may then not have it carried out', async () => {
    const { register, commands, policy, sent } = await createGuarded();
    const { device_id } = await register({}, door);
    const operator: Principal = { id: 'olga', role: 'user_operator' };
    const dim = { device_id, command: 'dim', arguments: { level: 1 } };
    await commands.execute(dim, operator);
    policy([{ name: 'signed', for: { commands: ['dim'] }, critical: true }]);
    await assert.rejects(commands.execute(dim, operator), rpcError(-32005, /critical/));
    assert.equal(sent.length, 1);
  });

  it('does not tell of a device that the scope of the caller hides', async () => {
    const { register, commands, policy, told } = await createGuarded();
    const { device_id } = await register();
    const { device_id: fan } = await register();
    policy([
      {
        ...{ name: 'fan is on', for: { commands: ['heat'] } },
        interlock: { device_id: fan, command: 'on', undone_by: ['off'] },
      },
    ]);
    const refused = async (scope: Principal['scope']): Promise<string> => {
      const principal: Principal = { ...writer, ...(scope && { scope }) };
      const error = await commands
        .execute({ device_id, command: 'heat' }, principal)
        .catch((thrown: unknown) => thrown);
      return JSON.stringify((error as RpcError).toObject());
    };
    const hidden = await refused({ device_ids: [device_id] });
    assert.match(hidden, /-32005.*not in the scope/);
    assert.ok(!hidden.includes(fan));
    for (const scope of [undefined, { commands: ['heat'] }, { device_ids: [device_id, fan] }])
      assert.ok((await refused(scope)).includes(fan));
    assert.ok(told.every(({ reason }) => reason?.includes(fan)));
  });
});
