import assert from 'node:assert/strict';
import type { Reading } from '../../../nodes/core/telemetry/types.ts';
import { createCommandRig, writer } from '../../support/command-rig.ts';
import { rpcError, settled } from '../../support/domain.ts';

const start = Date.UTC(2026, 0, 1);

describe('a command with confirm', () => {
  const setUp = async () => {
    const rig = createCommandRig();
    const { device_id } = await rig.register(
      {},
      {
        measurements: [
          { measurement_type: 'temperature', unit: 'celsius' },
          { measurement_type: 'state', value_type: 'string' },
        ],
      },
    );
    const found = await rig.registry.discoverSensor({
      mcu_id: device_id,
      static_schema: { model: 'A', measurements: [{ measurement_type: 'pressure' }] },
    });
    const { sensor_id } = found as { sensor_id: string };
    const commands = await rig.start();
    const reading = (
      value: Reading['value'],
      at = rig.clock.now(),
      more: Partial<Reading> = {},
    ): Reading => ({
      ...{ device_id, measurement_type: 'temperature', value, timestamp: at, unit: 'celsius' },
      ...more,
    });
    const execute = (confirm: object, more: object = {}) =>
      commands.execute({ device_id, command: 'heat', confirm, ...more }, writer);
    return { ...rig, commands, device_id, sensor_id, reading, execute };
  };

  it('answers confirmed with the reading that shows the effect, measured after it was sent', async () => {
    const { execute, commands, reading, reply, clock, sent } = await setUp();
    const running = execute({ measurement_type: 'temperature', above: 20 });
    await settled();
    commands.observe([
      reading(25, start - 1),
      reading(25, start, { device_id: 'another' }),
      reading(25, start, { measurement_type: 'state' }),
      reading(25, start, { quality: 'bad' }),
      reading(20, start),
    ]);
    await reply(commands, 0);
    clock.advance(9_000);
    commands.observe([reading(21.5)]);
    const answer = await running;
    assert.deepEqual(
      [answer.status, answer.confirmed, answer.reading],
      [
        'success',
        true,
        {
          ...{ measurement_type: 'temperature', value: 21.5, unit: 'celsius' },
          timestamp: '2026-01-01T00:00:09.000Z',
        },
      ],
    );
    assert.deepEqual(answer.untrusted, ['reading']);
    const record = commands.get({ command_id: sent[0]!.id }, writer);
    assert.deepEqual([record.confirmed, record.reading], [true, answer.reading]);
    assert.equal(clock.pending(), 0);
  });

  it('takes a reading that came before the device said that it is done', async () => {
    const { execute, commands, reading, reply } = await setUp();
    const running = execute({ measurement_type: 'state', equals: 'open' });
    await settled();
    commands.observe([reading('open', start + 1, { measurement_type: 'state' })]);
    await reply(commands, 0);
    assert.equal((await running).confirmed, true);
  });

  it('is not confirmed when its time is over, with the newest reading; the device is free meanwhile', async () => {
    const { execute, commands, reading, reply, clock, device_id, sent } = await setUp();
    const running = execute({ measurement_type: 'temperature', below: 10, within_ms: 2_000 });
    await settled();
    await reply(commands, 0);
    commands.observe([reading(15, start + 2), reading(16, start + 1)]);
    const next = commands.execute({ device_id, command: 'x' }, writer);
    await settled();
    assert.equal(sent.length, 2);
    await reply(commands, 1);
    await next;
    clock.advance(2_000);
    const answer = await running;
    assert.deepEqual([answer.confirmed, answer.reading?.value], [false, 15]);
    const silent = execute({ measurement_type: 'temperature', below: 10 });
    await settled();
    await reply(commands, 2);
    clock.advance(9_999);
    await settled();
    clock.advance(1);
    const nothing = await silent;
    assert.deepEqual([nothing.confirmed, 'reading' in nothing], [false, false]);
  });

  it('of changes_by tells from the newest reading before, of the same series', async () => {
    const { execute, commands, reading, reply, latest, sensor_id, sent } = await setUp();
    const confirm = { measurement_type: 'temperature', changes_by: 2 };
    await assert.rejects(execute(confirm), rpcError(-32602, /no earlier reading/));
    assert.equal(sent.length, 0);
    latest.push(reading(20, start - 5), reading(5, start - 5, { sensor_id }));
    const running = execute(confirm);
    await settled();
    await reply(commands, 0);
    commands.observe([reading(6.9, start + 1, { sensor_id }), reading(18.1, start + 1)]);
    await settled();
    commands.observe([reading(18, start + 2)]);
    assert.equal((await running).reading?.value, 18);
  });

  it('asks all conditions together, and one sensor where one is named', async () => {
    const { execute, commands, reading, reply, sensor_id } = await setUp();
    const running = execute({ measurement_type: 'pressure', sensor_id, above: 1, below: 3 });
    await settled();
    await reply(commands, 0);
    const pressure = { measurement_type: 'pressure', sensor_id };
    commands.observe([
      reading(2, start + 1, { measurement_type: 'pressure' }),
      reading(3, start + 1, pressure),
      reading('2', start + 1, pressure),
      reading(2, start + 2, pressure),
    ]);
    assert.equal((await running).reading?.timestamp, '2026-01-01T00:00:00.002Z');
  });

  it('fails as it would without, and watches no longer then', async () => {
    const { execute, commands, reply, clock } = await setUp();
    const running = execute({ measurement_type: 'temperature', above: 1 });
    await settled();
    const failed = assert.rejects(running, rpcError(-32007));
    await reply(commands, 0, { error: { code: -32007, message: 'stuck' } });
    await failed;
    assert.equal(clock.pending(), 0);
  });

  it('refuses what could never be confirmed, before anything is sent', async () => {
    const { execute, commands, device_id, sent } = await setUp();
    const fields: [confirm: unknown, field: string][] = [
      ['temperature', 'confirm'],
      [{ measurement_type: 'temperature' }, 'confirm'],
      [{ above: 1 }, 'confirm.measurement_type'],
      [{ measurement_type: 'temprature', above: 1 }, 'confirm.measurement_type'],
      [{ measurement_type: 'temperature', above: '1' }, 'confirm.above'],
      [{ measurement_type: 'temperature', equals: {} }, 'confirm.equals'],
      [{ measurement_type: 'temperature', equals: 'x'.repeat(257) }, 'confirm.equals'],
      [{ measurement_type: 'temperature', changes_by: 0 }, 'confirm.changes_by'],
      [{ measurement_type: 'temperature', above: 1, within_ms: 60_001 }, 'confirm.within_ms'],
      [{ measurement_type: 'temperature', above: 1, sensor_id: 'x' }, 'confirm.sensor_id'],
      [{ measurement_type: 'temperature', above: 1, until: 5 }, 'confirm'],
    ];
    for (const [confirm, field] of fields)
      await assert.rejects(
        execute(confirm as object),
        (error: { code: number; details: object }) => {
          assert.equal(error.code, -32602);
          assert.equal((error.details as { field: string }).field, field, JSON.stringify(confirm));
          return true;
        },
      );
    const blind = { ...writer, scope: { methods: ['device.*'] } };
    const params = { device_id, command: 'x', confirm: { measurement_type: 'state', equals: 'a' } };
    await assert.rejects(commands.execute(params, blind), rpcError(-32005, /telemetry.latest/));
    assert.equal(sent.length, 0);
  });
});
