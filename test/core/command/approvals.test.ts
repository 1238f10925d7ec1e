import assert from 'node:assert/strict';
import type { RpcError } from '../../../nodes/core/rpc/errors.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { askedFor, createApprovalRig, model, operator } from '../../support/approval-rig.ts';
import { admin, rpcError, settled } from '../../support/domain.ts';

const byOperator = { by: { principal: operator, via: 'method' as const } };
const mcp = { transport: 'mcp' as const, agent: 'desktop/1' };
const minute = 60_000;

describe('a destructive command of a language model', () => {
  const setUp = async (...args: Parameters<typeof createApprovalRig>) => {
    const rig = await createApprovalRig(...args);
    const id = await rig.device();
    const reset = (args: object = {}, by: Principal | undefined = model) =>
      rig.commands.execute({ device_id: id, command: 'reset', arguments: args }, by);
    return { ...rig, id, reset };
  };

  it('does not leave, and says who can approve it and how', async () => {
    const { reset, sent, approvals, id } = await setUp();
    await assert.rejects(reset({ deep: true }), (error: RpcError) => {
      const { data } = error.toObject();
      assert.equal(error.code, -32005);
      assert.equal(data.retryable, true);
      assert.deepEqual(data['confirm_by'], ['person', 'elicitation']);
      assert.match(data.suggestions.join(' '), /approval\.grant.*same call again/);
      const record = approvals.get(String(data['approval_id']));
      assert.deepEqual(record?.steps, [
        { device_id: id, command: 'reset', arguments: { deep: true } },
      ]);
      return true;
    });
    assert.deepEqual(sent, []);
  });

  it('goes once when it is granted, whatever program repeats it', async () => {
    const { reset, sent, approvals, audited, commands, id } = await setUp();
    const first = await askedFor(reset({ a: 1, b: 2 }));
    assert.equal(await askedFor(reset({ b: 2, a: 1 })), first, 'one request while it is pending');
    await approvals.grant(first, byOperator);
    await commands.execute(
      { device_id: id, command: 'reset', arguments: { b: 2, a: 1 } },
      model,
      undefined,
      mcp,
    );
    assert.equal(sent.length, 1);
    assert.equal(approvals.get(first)?.state, 'used');
    assert.notEqual(await askedFor(reset({ a: 1, b: 2 })), first);
    assert.equal(sent.length, 1);
    assert.deepEqual(
      audited.filter(({ action }) => action === 'approval').map(({ subject }) => subject),
      ['approval.asked', 'approval.granted', 'approval.used', 'approval.asked'],
    );
  });

  it('goes once of two that come at the same moment', async () => {
    const { reset, sent, approvals } = await setUp();
    await approvals.grant(await askedFor(reset()), byOperator);
    const ends = await Promise.allSettled([reset(), reset()]);
    assert.deepEqual(ends.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    assert.equal(sent.length, 1);
  });

  it('does not go with other arguments, for another principal, for another device', async () => {
    const { reset, sent, approvals, commands, device } = await setUp();
    await approvals.grant(await askedFor(reset({ a: 1 })), byOperator);
    await askedFor(reset({ a: 2 }));
    await askedFor(reset({ a: 1 }, { ...model, id: 'other' }));
    await askedFor(reset({ a: 1 }, admin));
    const other = await device();
    await askedFor(
      commands.execute({ device_id: other, command: 'reset', arguments: { a: 1 } }, model),
    );
    assert.deepEqual(sent, []);
  });

  it('does not go when it was denied, and is not asked for again until that is over', async () => {
    const { reset, sent, approvals, clock } = await setUp();
    const id = await askedFor(reset());
    await approvals.deny(id, { ...byOperator, note: 'not today' });
    await assert.rejects(reset(), (error: RpcError) => {
      assert.match(error.reason, /denied/);
      assert.deepEqual(
        [error.details['retryable'], error.details['note'], error.details['untrusted']],
        [false, 'not today', ['note']],
      );
      return true;
    });
    clock.advance(11 * minute);
    assert.notEqual(await askedFor(reset()), id);
    assert.deepEqual(sent, []);
  });

  it('does not go when the request or the grant has expired', async () => {
    const { reset, sent, approvals, clock } = await setUp();
    const late = await askedFor(reset());
    clock.advance(10 * minute);
    await assert.rejects(approvals.grant(late, byOperator), rpcError(-32602, /expired/));
    const again = await askedFor(reset());
    assert.notEqual(again, late);
    await approvals.grant(again, byOperator);
    clock.advance(10 * minute);
    await askedFor(reset());
    assert.deepEqual(sent, []);
  });

  it('bothers nobody when it could not leave anyhow, and wastes no grant', async () => {
    const { reset, sent, approvals, registry, id, commands, policyOf } = await setUp();
    await registry.setStatus(id, 'offline');
    await assert.rejects(reset(), rpcError(-32001));
    assert.equal([...approvals.all()].length, 0);
    await registry.setStatus(id, 'online');
    const approval = await askedFor(reset());
    await approvals.grant(approval, byOperator);
    await registry.setStatus(id, 'offline');
    await assert.rejects(reset(), rpcError(-32001));
    await registry.setStatus(id, 'online');
    commands.setPolicy('p', policyOf([{ name: 'no', for: { commands: ['reset'] }, deny: true }]));
    await assert.rejects(reset(), rpcError(-32005, /policy no/));
    commands.removePolicy('p');
    await reset();
    assert.equal(sent.length, 1);
  });

  it('of the flow itself, or with the setting off, goes as ever', async () => {
    const { commands, sent, id } = await setUp();
    await commands.execute({ device_id: id, command: 'reset' }, undefined);
    const off = await setUp({ confirm: 'off' });
    await off.reset();
    assert.equal(sent.length + off.sent.length, 2);
  });

  it('is asked for as one in a batch, of which nothing leaves before', async () => {
    const { commands, device, sent, approvals, id } = await setUp();
    const other = await device({ reset: {} });
    const params = { device_ids: [id, other], command: 'reset' };
    const approval = await askedFor(commands.executeBatch(params, model));
    assert.deepEqual(
      approvals.get(approval)?.steps.map(({ device_id }) => device_id),
      [id, other],
    );
    assert.deepEqual(sent, []);
    await approvals.grant(approval, byOperator);
    const turned = { device_ids: [other, id], command: 'reset' };
    const { summary } = await commands.executeBatch(turned, model);
    assert.deepEqual([summary.success, sent.length], [2, 2]);
    await askedFor(commands.executeBatch(params, model));
    assert.equal(sent.length, 2);
  });

  it('needs it as a method of a device too, and to be undone by one', async () => {
    const { commands, registry, sent, id, approvals, device } = await setUp();
    await registry.registerMethod({ device_id: id, method_name: 'own.wipe', destructive: true });
    const wipe = () => commands.callMethod('own.wipe', { device_id: id, a: 1 }, model);
    await approvals.grant(await askedFor(wipe()), byOperator);
    await wipe();
    await askedFor(wipe());
    const other = await device({ fill: { inverse: { command: 'reset' } } });
    const { command_id } = await commands.execute({ device_id: other, command: 'fill' }, model);
    await askedFor(commands.revert({ command_id }, model));
    assert.equal(sent.length, 2);
  });

  it('may wait for its device once it is approved', async () => {
    const { commands, registry, sent, id, approvals, clock } = await setUp();
    await registry.setStatus(id, 'offline');
    const params = { device_id: id, command: 'reset', wait: true };
    await approvals.grant(await askedFor(commands.execute(params, model)), byOperator);
    assert.equal((await commands.execute(params, model)).status, 'queued');
    await askedFor(commands.execute(params, model));
    commands.release();
    await registry.setStatus(id, 'online');
    commands.wake(id);
    clock.advance(1_000);
    await settled();
    assert.equal(sent.length, 1);
  });

  it('keeps a request_key free while it is refused', async () => {
    const { commands, sent, id, approvals } = await setUp();
    const params = { device_id: id, command: 'reset', request_key: 'k' };
    await approvals.grant(await askedFor(commands.execute(params, model)), byOperator);
    const first = await commands.execute(params, model);
    assert.deepEqual(await commands.execute(params, model), first);
    assert.equal(sent.length, 1);
  });
});

describe('a critical command of a language model', () => {
  const setUp = async () => {
    const rig = await createApprovalRig();
    const id = await rig.device();
    const params = { device_id: id, command: 'open', arguments: {} };
    const open = (by: Principal | undefined = model, origin?: typeof mcp) =>
      rig.commands.execute(params, by, undefined, origin);
    return { ...rig, id, params, open };
  };

  it('goes when it is signed, and asks nobody', async () => {
    const { commands, signed, sent, params, approvals } = await setUp();
    await commands.execute(signed('device.execute', params), model);
    assert.equal(sent[0]?.critical, true);
    assert.equal([...approvals.all()].length, 0);
    const wrong = { ...params, signature: { id: 'x', timestamp: 0, signature: 'v1,eA==' } };
    await assert.rejects(
      commands.execute(wrong, model),
      (error: RpcError) => error.details['signature'] === 'stale',
    );
    assert.equal(sent.length, 1);
  });

  it('goes when a person has approved it, but not on the word of the human at the program', async () => {
    const { open, sent, approvals } = await setUp();
    const id = await askedFor(open(model, mcp));
    const elicited = { principal: model, via: 'elicitation' as const, agent: mcp.agent };
    await assert.rejects(approvals.grant(id, { by: elicited }), rpcError(-32005, /another way/));
    await askedFor(open(model, mcp));
    await approvals.grant(id, byOperator);
    await open(model, mcp);
    assert.equal(sent.length, 1);
    assert.equal(sent[0]?.critical, true);
  });

  it('of the flow itself still needs a signature', async () => {
    const { commands, params, sent } = await setUp();
    await assert.rejects(
      commands.execute(params, undefined),
      (error: RpcError) => error.details['signature'] === 'missing',
    );
    assert.deepEqual(sent, []);
  });

  it('is not let go by an approval from before a policy made it critical', async () => {
    const { commands, id, approvals, policyOf, sent } = await setUp();
    const reset = () => commands.execute({ device_id: id, command: 'reset' }, model);
    await approvals.grant(await askedFor(reset()), byOperator);
    commands.setPolicy(
      'p',
      policyOf([{ name: 'c', for: { commands: ['reset'] }, critical: true }]),
    );
    await askedFor(reset());
    assert.deepEqual(sent, []);
  });
});

describe('who decides on an approval', () => {
  const setUp = async (...args: Parameters<typeof createApprovalRig>) => {
    const rig = await createApprovalRig(...args);
    const id = await rig.device();
    const reset = (by: Principal = model, origin?: typeof mcp) =>
      rig.commands.execute({ device_id: id, command: 'reset' }, by, undefined, origin);
    return { ...rig, id, reset };
  };
  const elicited = (principal = model, agent = mcp.agent) => ({
    by: { principal, agent, via: 'elicitation' as const },
  });

  it('is never who asked', async () => {
    const { reset, queries } = await setUp();
    const approval_id = await askedFor(reset(admin));
    await assert.rejects(
      queries.decide('grant', { approval_id }, admin),
      rpcError(-32005, /for themselves/),
    );
    const other: Principal = { id: 'other', role: 'llm_admin' };
    assert.equal((await queries.decide('grant', { approval_id }, other)).state, 'granted');
  });

  it('is an operator, an administrator or the flow, of devices in their scope', async () => {
    const { reset, queries, id } = await setUp();
    const approval_id = await askedFor(reset());
    const asked = { approval_id };
    const scoped = (scope: object): Principal => ({ ...operator, scope });
    await assert.rejects(
      queries.decide('grant', asked, { id: 'viewer', role: 'user_viewer' }),
      rpcError(-32005, /user_operator/),
    );
    for (const role of ['llm_read', 'llm_write', 'device'] as const)
      await assert.rejects(queries.decide('grant', asked, { id: 'x', role }), rpcError(-32005));
    await assert.rejects(
      queries.decide('grant', asked, scoped({ device_ids: ['another'] })),
      rpcError(-32602, /no approval/),
    );
    await assert.rejects(
      queries.decide('grant', asked, scoped({ commands: ['look'] })),
      rpcError(-32005),
    );
    const granted = await queries.decide(
      'grant',
      { ...asked, note: 'ok' },
      scoped({ device_ids: [id] }),
    );
    assert.deepEqual(
      [granted.state, granted.decided_by, granted.via, granted.note],
      ['granted', 'operator', 'method', 'ok'],
    );
    await assert.rejects(queries.decide('deny', asked, operator), rpcError(-32602, /granted/));
  });

  it('may be the human at the program that asked, for what it asked itself', async () => {
    const { reset, approvals, sent } = await setUp();
    const overHttp = await askedFor(reset());
    await assert.rejects(approvals.grant(overHttp, elicited()), rpcError(-32005));
    assert.equal(await askedFor(reset(model, mcp)), overHttp);
    await assert.rejects(
      approvals.grant(overHttp, elicited(model, 'another/1')),
      rpcError(-32005, /asked for itself/),
    );
    await assert.rejects(approvals.grant(overHttp, elicited(admin)), rpcError(-32005));
    await approvals.grant(overHttp, elicited());
    await reset(model, mcp);
    assert.equal(sent.length, 1);
  });

  it('is not the human at the program where the hub wants a person by another way', async () => {
    const { reset, approvals } = await setUp({ by: 'person' });
    const id = await askedFor(reset(model, mcp));
    await assert.rejects(approvals.grant(id, elicited()), rpcError(-32005));
    assert.equal((await approvals.grant(id, byOperator)).state, 'granted');
  });

  it('may come by a link, whose token is kept as a hash and good for one decision', async () => {
    const { reset, approvals, records } = await setUp();
    const id = await askedFor(reset());
    const token = await approvals.linkOf(id);
    assert.ok(token);
    assert.ok(!JSON.stringify(records.peek('approval', id)).includes(token));
    assert.equal(approvals.byLink(token)?.approval_id, id);
    assert.equal(approvals.byLink(`${token}x`), undefined);
    await approvals.grant(id, { by: { principal: undefined, via: 'link' } });
    assert.equal(approvals.byLink(token), undefined);
    assert.equal(await approvals.linkOf(id), undefined);
  });
});

describe('what is known of approvals', () => {
  it('outlives a restart, what was used too', async () => {
    const rig = await createApprovalRig();
    const id = await rig.device();
    const params = (n: number) => ({ device_id: id, command: 'reset', arguments: { n } });
    const first = await askedFor(rig.commands.execute(params(1), model));
    await rig.approvals.grant(first, byOperator);
    const again = await rig.start();
    await again.commands.execute(params(1), model);
    assert.equal(rig.sent.length, 1);
    const third = await rig.start();
    assert.equal(third.approvals.get(first)?.state, 'used');
    await askedFor(third.commands.execute(params(1), model));
    assert.equal(rig.sent.length, 1);
  });

  it('is told to who asked, to people and administrators, the newest first, without secrets', async () => {
    const { commands, device, queries, clock } = await createApprovalRig();
    const id = await device({
      reset: {
        destructive: true,
        arguments: { type: 'object', properties: { pin: { 'x-sensitive': true } } },
      },
    });
    const ids: string[] = [];
    for (const n of [1, 2, 3]) {
      clock.advance(1_000);
      const params = {
        device_id: id,
        command: 'reset',
        arguments: { pin: `s${n}` },
        reason: 'why',
      };
      ids.unshift(await askedFor(commands.execute(params, model)));
    }
    const listed = queries.list({}, operator);
    assert.deepEqual(
      listed.approvals.map((one) => one.approval_id),
      ids,
    );
    assert.ok(!/"s\d"|fingerprint/.test(JSON.stringify(listed)));
    assert.deepEqual(
      [listed.approvals[0]?.reason, listed.approvals[0]?.asked_by],
      ['why', 'model'],
    );
    const page = queries.list({ limit: 2 }, operator);
    const next = queries.list({ limit: 2, cursor: page.cursor }, operator);
    assert.deepEqual(
      next.approvals.map((one) => one.approval_id),
      [ids[2]],
    );
    assert.equal(queries.list({}, model).approvals.length, 3);
    const [others] = queries.list({}, { ...model, id: 'other' }).approvals;
    assert.deepEqual([others?.asked_by, others?.reason], [undefined, undefined]);
    const narrow = { ...operator, scope: { device_ids: ['another'] } };
    assert.deepEqual(queries.list({}, narrow).approvals, []);
    assert.equal(queries.list({ state: 'granted' }, operator).approvals.length, 0);
    assert.throws(() => queries.list({ state: 'open' }, operator), rpcError(-32602));
  });

  it('is answered when it is decided, or when the time is over', async () => {
    const { commands, device, queries, approvals, clock } = await createApprovalRig();
    const id = await device();
    const approval_id = await askedFor(
      commands.execute({ device_id: id, command: 'reset' }, model),
    );
    const patient = queries.get({ approval_id, wait_s: 5 }, model);
    clock.advance(5_000);
    assert.equal((await patient).state, 'pending');
    const told = queries.get({ approval_id, wait_s: 60 }, model);
    await approvals.deny(approval_id, byOperator);
    assert.equal((await told).state, 'denied');
    await assert.rejects(queries.get({ approval_id, wait_s: 61 }, model), rpcError(-32602));
    await assert.rejects(queries.get({ approval_id: 'none' }, model), rpcError(-32602));
  });

  it('is bounded for each principal', async () => {
    const { commands, device, clock } = await createApprovalRig();
    const id = await device();
    const reset = (n: number) =>
      commands.execute({ device_id: id, command: 'reset', arguments: { n } }, model);
    for (let n = 0; n < 20; n += 1) await askedFor(reset(n));
    await assert.rejects(reset(20), (error: RpcError) => {
      assert.equal(error.code, -32006);
      assert.equal(error.details['retry_after_ms'], 10 * minute);
      return true;
    });
    clock.advance(10 * minute);
    await askedFor(reset(20));
  });
});
