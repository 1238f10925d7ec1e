import assert from 'node:assert/strict';
import type { RpcError } from '../../../nodes/core/rpc/errors.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { askedFor, createApprovalRig, model, operator } from '../../support/approval-rig.ts';
import { createCommandReader } from '../../../nodes/core/schema/declarations.ts';
import { deviceKey, rpcError } from '../../support/domain.ts';

const setUp = async (...args: Parameters<typeof createApprovalRig>) => {
  const rig = await createApprovalRig(...args);
  const id = await rig.device();
  await rig.registry.setAppliedConfig(id, { level: 10, pin: '1234' });
  const plan = (params: object = {}, by: Principal | undefined = model) =>
    rig.commands.plan({ device_id: id, command: 'set', arguments: { level: 20 }, ...params }, by);
  const execute = (plan_id: string | undefined, by: Principal | undefined = model, more = {}) =>
    rig.commands.execute({ plan_id, ...more }, by);
  return { ...rig, id, plan, execute };
};

describe('a plan', () => {
  it('tells what a command would do and how it is undone, and does nothing', async () => {
    const { plan, id, sent, audited, commands, readings, clock } = await setUp();
    readings.push({
      ...{ device_id: id, measurement_type: 'light', value: 3, quality: 1 },
      timestamp: clock.now(),
    } as never);
    const { steps, ...made } = plan();
    const [step] = steps;
    assert.ok(step && made.plan_id);
    assert.equal(made.ok, true);
    assert.deepEqual(step.predicted, {
      known: true,
      changes: [{ field: 'level', from: 10, to: 20 }],
    });
    assert.deepEqual(step.inverse, { command: 'set', arguments: { level: 10 } });
    assert.deepEqual(
      [step.ok, step.reversible, step.risk, step.needs_confirmation],
      [true, true, 'low', false],
    );
    assert.equal(step.state.latest?.[0]?.['value'], 3);
    assert.deepEqual([step.state.online, step.state.busy], [true, false]);
    assert.match(
      made.summary,
      /^1 command for 1 device can be carried out; nothing was done yet\./,
    );
    assert.equal(Date.parse(made.expires_at ?? '') - clock.now(), 300_000);
    assert.deepEqual([sent, audited, commands.list({}, undefined).commands], [[], [], []]);
  });

  it('shows no secrets', async () => {
    const { plan } = await setUp();
    const made = JSON.stringify(plan({ arguments: { pin: '9999', level: 10 } }));
    assert.ok(!/1234|9999/.test(made), made);
    assert.match(made, /"field":"pin","from":"\*\*\*","to":"\*\*\*"/);
  });

  it('says honestly what it does not know, and how much is at stake', async () => {
    const { plan } = await setUp();
    const riskOf = (command: string) => {
      const [step] = plan({ command, arguments: {} }).steps;
      return [step?.risk, step?.predicted.known, step?.needs_confirmation, step?.reversible];
    };
    assert.deepEqual(riskOf('look'), ['none', true, false, false]);
    assert.deepEqual(riskOf('close'), ['low', false, false, false]);
    assert.deepEqual(riskOf('reset'), ['high', false, true, false]);
    assert.deepEqual(riskOf('open'), ['critical', false, true, false]);
    assert.match(plan({ command: 'close', arguments: {} }).summary, /not known/);
  });

  it('that cannot be carried out says why and has no id', async () => {
    const { plan, registry, id, commands, policyOf, sent, audited } = await setUp();
    const problemOf = (params: object, by: Principal = model) => {
      const made = plan(params, by);
      assert.deepEqual([made.ok, made.plan_id, made.steps[0]?.ok], [false, undefined, false]);
      assert.match(made.summary, /cannot be carried out/);
      assert.ok(made.suggestions);
      return made.steps[0]?.problems[0]?.['code'];
    };
    assert.equal(problemOf({ arguments: { level: 101 } }), -32602);
    assert.equal(problemOf({ command: 'sett' }), -32602);
    assert.equal(problemOf({ device_id: 'nobody' }), -32000);
    assert.equal(problemOf({}, { ...model, scope: { commands: ['look'] } }), -32005);
    assert.equal(problemOf({}, { ...model, scope: { device_ids: ['x'] } }), -32000);
    assert.equal(problemOf({ command: 'reset' }, operator), -32005);
    commands.setPolicy(
      'p',
      policyOf([
        { name: 'low', for: { commands: ['set'] }, range: { argument: 'level', max: 15 } },
      ]),
    );
    assert.equal(problemOf({}), -32005);
    assert.deepEqual(audited, [], 'no policy is on record as having refused');
    await registry.setStatus(id, 'offline');
    assert.equal(problemOf({ command: 'look', arguments: {} }), -32001);
    assert.deepEqual(sent, []);
  });

  it('leaves no trace in what policies remember', async () => {
    const { plan, execute, commands, policyOf, sent } = await setUp();
    commands.setPolicy(
      'p',
      policyOf([{ name: 'slow', rate: { argument: 'level', per_minute: 10 } }]),
    );
    for (let n = 0; n < 50; n += 1) assert.equal(plan({ arguments: { level: n % 10 } }).ok, true);
    await execute(plan({ arguments: { level: 5 } }).plan_id);
    assert.equal(sent.length, 1);
  });

  it('of several commands predicts them one after the other', async () => {
    const { plan, id } = await setUp();
    const step = (level: number) => ({ device_id: id, command: 'set', arguments: { level } });
    const made = plan({
      ...{ device_id: undefined, command: undefined, arguments: undefined },
      steps: [step(20), step(30)],
    });
    assert.deepEqual(
      made.steps.flatMap(({ predicted }) => predicted.changes),
      [
        { field: 'level', from: 10, to: 20 },
        { field: 'level', from: 20, to: 30 },
      ],
    );
  });

  it('has bounds', async () => {
    const { plan, id } = await setUp();
    const bad = (params: object, field: string) =>
      assert.throws(
        () => plan({ device_id: undefined, command: undefined, arguments: undefined, ...params }),
        (error: RpcError) => {
          assert.equal(error.code, -32602);
          assert.equal(error.details['field'], field, error.reason);
          return true;
        },
      );
    const step = { device_id: id, command: 'look' };
    bad({ steps: Array.from({ length: 101 }, () => step) }, 'steps');
    bad({ steps: [] }, 'steps');
    bad({ steps: 'x' }, 'steps');
    bad({ steps: [step, 1] }, 'steps[1]');
    bad({ steps: [step, { device_id: id }] }, 'steps[1].command');
    bad({ steps: [{ command: 'look' }] }, 'steps[0].device_id');
    bad({ steps: [step], command: 'look' }, 'command');
    bad({ command: 'look' }, 'device_id');
    bad({ device_ids: [], command: 'look' }, 'device_ids');
    bad({ device_ids: Array.from({ length: 101 }, (_, n) => `d${n}`), command: 'x' }, 'device_ids');
    bad({ ...step, timeout_ms: 1 }, 'timeout_ms');
    bad({ ...step, arguments: { x: 'x'.repeat(140_000) } }, 'steps');
  });
});

describe('a plan that is carried out', () => {
  it('does exactly what was planned, once, for who made it', async () => {
    const { plan, execute, commands, sent, id } = await setUp();
    const { plan_id } = plan();
    await assert.rejects(execute(plan_id, { ...model, id: 'other' }), rpcError(-32602, /no plan/));
    await assert.rejects(commands.execute({ plan_id }, undefined), rpcError(-32602, /no plan/));
    const { status } = await execute(plan_id, model, { reason: 'because', timeout_ms: 5_000 });
    assert.equal(status, 'success');
    assert.deepEqual(sent, [{ targetId: id, method: 'set', params: { level: 20 } }]);
    await assert.rejects(execute(plan_id), rpcError(-32602, /once/));
    assert.equal(sent.length, 1);
  });

  it('cannot be changed on its way', async () => {
    const { plan, execute, sent, id } = await setUp();
    const { plan_id } = plan();
    for (const more of [
      { arguments: { level: 99 } },
      { device_id: id },
      { command: 'reset' },
      { wait: true },
      { signature: {} },
    ])
      await assert.rejects(execute(plan_id, model, more), rpcError(-32602));
    assert.deepEqual(sent, []);
  });

  it('answers a repeated request_key with the first result', async () => {
    const { plan, execute, sent } = await setUp();
    const { plan_id } = plan();
    const first = await execute(plan_id, model, { request_key: 'k' });
    assert.deepEqual(await execute(plan_id, model, { request_key: 'k' }), first);
    assert.equal(sent.length, 1);
  });

  it('expires, is one of twenty, and is gone after a restart: that teaches to plan again', async () => {
    const { plan, execute, start, clock, sent } = await setUp();
    const again = (error: RpcError) =>
      rpcError(-32602)(error) && /device\.plan again/.test(String(error.details['suggestions']));
    const first = plan().plan_id;
    for (let n = 0; n < 20; n += 1) plan();
    await assert.rejects(execute(first), again);
    const { plan_id } = plan();
    const { commands } = await start();
    await assert.rejects(commands.execute({ plan_id }, model), again);
    clock.advance(300_000);
    await assert.rejects(execute(plan_id), again);
    assert.deepEqual(sent, []);
  });

  /** The device says something else of its commands when it comes back. */
  const redeclare = (
    { registry, id }: Awaited<ReturnType<typeof setUp>>,
    commands: object,
  ): Promise<unknown> =>
    registry.register(
      {
        ...{ device_id: id, device_type: 'mcu' },
        static_schema: { model: 'ESP32-S3', commands: createCommandReader()(commands, 'schema') },
      },
      deviceKey(id),
    );
  const changes: [
    what: string,
    change: (rig: Awaited<ReturnType<typeof setUp>>) => unknown,
    refused: (error: unknown) => boolean,
  ][] = [
    ['device is away', ({ registry, id }) => registry.setStatus(id, 'offline'), rpcError(-32001)],
    [
      'device is busy',
      ({ commands, does, id, settled }) => {
        does.answer = () => undefined;
        commands.execute({ device_id: id, command: 'look' }, undefined).catch(() => undefined);
        return settled();
      },
      rpcError(-32002),
    ],
    ['device was removed', ({ registry, id }) => registry.remove(id), changedBy('removed')],
    [
      'configuration is another',
      ({ registry, id }) => registry.setAppliedConfig(id, { level: 11 }),
      changedBy('applied_config'),
    ],
    [
      'declaration is another',
      (rig) => redeclare(rig, { set: { destructive: true } }),
      changedBy('declaration'),
    ],
    [
      'policy refuses now',
      ({ commands, policyOf }) => commands.setPolicy('p', policyOf([{ name: 'no', deny: true }])),
      rpcError(-32005, /policy no/),
    ],
    [
      'policy makes it critical now',
      ({ commands, policyOf }) =>
        commands.setPolicy('p', policyOf([{ name: 'c', critical: true }])),
      changedBy('critical'),
    ],
    [
      'argument is not allowed any more',
      (rig) =>
        redeclare(rig, {
          set: { arguments: { type: 'object', properties: { level: { maximum: 15 } } } },
        }),
      changedBy('refused'),
    ],
  ];
  function changedBy(what: string) {
    return (error: unknown): boolean => {
      const { details } = error as RpcError;
      assert.ok(JSON.stringify(details['changed']).includes(`"what":"${what}"`), String(error));
      return rpcError(-32602, /nothing was sent/)(error);
    };
  }
  for (const [what, change, refused] of changes)
    it(`refuses when the ${what}`, async () => {
      const rig = await setUp();
      const { plan_id } = rig.plan();
      await change(rig);
      const before = rig.sent.length;
      await assert.rejects(rig.execute(plan_id), refused);
      assert.equal(rig.sent.length, before);
    });

  it('may be tried again when its device is back', async () => {
    const { plan, execute, registry, id, sent } = await setUp();
    const { plan_id } = plan();
    await registry.setStatus(id, 'offline');
    await assert.rejects(execute(plan_id), rpcError(-32001));
    await registry.setStatus(id, 'online');
    await execute(plan_id);
    assert.equal(sent.length, 1);
  });

  it('with a destructive command waits for one approval of all of it', async () => {
    const { commands, execute, device, approvals, sent, id } = await setUp();
    const other = await device();
    const steps = [
      { device_id: id, command: 'close' },
      { device_id: id, command: 'reset' },
      { device_id: other, command: 'reset', arguments: { deep: true } },
    ];
    const planned = () => commands.plan({ steps }, model).plan_id;
    const plan_id = planned();
    const approval = await askedFor(execute(plan_id));
    assert.equal(approvals.get(approval)?.steps.length, 3);
    assert.deepEqual(sent, []);
    await approvals.grant(approval, { by: { principal: operator, via: 'method' } });
    const done = (await commands.executeBatch({ plan_id: planned() }, model)) as object;
    assert.deepEqual((done as { summary: object }).summary, { success: 3, failed: 0 });
    assert.deepEqual(
      sent.filter(({ targetId }) => targetId === id).map(({ method }) => method),
      ['close', 'reset'],
    );
    await askedFor(execute(plan_id));
    assert.equal(sent.length, 3);
  });

  it('sends nothing more to a device whose command failed', async () => {
    const { commands, id, does, sent } = await setUp();
    does.answer = (method) =>
      method === 'close' ? { error: { code: -1, message: 'stuck' } } : { result: {} };
    const steps = [
      { device_id: id, command: 'look' },
      { device_id: id, command: 'close' },
      { device_id: id, command: 'set', arguments: { level: 1 } },
    ];
    const { plan_id } = commands.plan({ steps }, model);
    const { results, summary } = await commands.executeBatch({ plan_id }, model);
    assert.deepEqual(summary, { success: 1, failed: 2 });
    assert.match(JSON.stringify(results[2]?.error), /earlier command/);
    assert.deepEqual(
      sent.map(({ method }) => method),
      ['look', 'close'],
    );
  });
});
