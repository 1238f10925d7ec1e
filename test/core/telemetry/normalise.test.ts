import assert from 'node:assert/strict';
import { normaliseTelemetry } from '../../../nodes/core/telemetry/normalise.ts';
import { parseTimestamp } from '../../../nodes/core/telemetry/timestamp.ts';
import { rpcError } from '../../support/domain.ts';

const arrival = Date.UTC(2026, 0, 1);
const context = { deviceId: 'd1', arrival };
const reading = { measurement_type: 'temperature', value: 23.5, unit: 'celsius', quality: 'good' };
const full = { device_id: 'd1', ...reading, timestamp: arrival };
const params = (more: object = {}) => ({ data: { live_readings: [reading] }, ...more });

describe('a telemetry message', () => {
  it('may be params, a whole JSON-RPC message, one reading, an array, or readings of a flow', () => {
    const message = { jsonrpc: '2.0', method: 'telemetry.update', params: params() };
    for (const payload of [params(), message, reading, [reading], [full]])
      assert.deepEqual(normaliseTelemetry(payload, context), { readings: [full], rejected: [] });
  });

  it('gives its time and device to readings without their own', () => {
    const payload = {
      device_id: 'd2',
      timestamp: '2025-09-30T10:35:00Z',
      data: {
        operational_status: { power_state: 'on\u0000' },
        live_readings: [reading, { ...reading, timestamp: 1_700_000_000_000 }],
      },
    };
    const { readings, operational_status } = normaliseTelemetry(payload, { arrival });
    assert.deepEqual(
      readings.map(({ device_id, timestamp }) => [device_id, timestamp]),
      [
        ['d2', Date.UTC(2025, 8, 30, 10, 35)],
        ['d2', 1_700_000_000_000],
      ],
    );
    assert.deepEqual(operational_status, { power_state: 'on' });
  });

  it('may hold a status and no readings', () => {
    const { readings, operational_status } = normaliseTelemetry(
      { data: { operational_status: { power_state: 'off' } } },
      context,
    );
    assert.deepEqual([readings, operational_status], [[], { power_state: 'off' }]);
  });

  it('loses only what is wrong in it, with position and reason', () => {
    const bad: [unknown, RegExp][] = [
      [null, /object/],
      [{ value: 1 }, /measurement_type/],
      [{ measurement_type: 'a\u0000', value: 1 }, /measurement_type/],
      [{ measurement_type: 'x'.repeat(65), value: 1 }, /64/],
      [{ measurement_type: 'a' }, /value/],
      [{ measurement_type: 'a', value: NaN }, /finite/],
      [{ measurement_type: 'a', value: Infinity }, /finite/],
      [{ measurement_type: 'a', value: { b: 1 } }, /value/],
      [{ measurement_type: 'a', value: 'x'.repeat(1_025) }, /1024/],
      [{ measurement_type: 'a', value: 1, timestamp: 'yesterday' }, /ISO 8601/],
      [{ measurement_type: 'a', value: 1, unit: 5 }, /unit/],
      [{ measurement_type: 'a', value: 1, unit: 'x'.repeat(33) }, /unit/],
      [{ measurement_type: 'a', value: 1, quality: 5 }, /quality/],
      [{ measurement_type: 'a', value: 1, sensor_id: 5 }, /sensor_id/],
      [{ measurement_type: 'a', value: 1, device_id: 'other' }, /another device/],
    ];
    const payload = [reading, ...bad.map(([element]) => element), reading];
    const { readings, rejected, positions } = normaliseTelemetry(payload, context);
    assert.equal(readings.length, 2);
    assert.deepEqual(positions, [0, bad.length + 1]);
    assert.deepEqual(
      rejected.map(({ index, code }) => [index, code]),
      bad.map((_, index) => [index + 1, -32004]),
    );
    for (const [index, [, reason]] of bad.entries()) assert.match(rejected[index]!.reason, reason);
  });

  it('must say whose it is', () => {
    const { rejected } = normaliseTelemetry([reading], { arrival });
    assert.match(rejected[0]!.reason, /device_id/);
  });

  it('speaks for other ids only where the sender owns them', () => {
    const owns = (id: string): boolean => id === 's1';
    const own = { ...reading, device_id: 's1' };
    const foreign = { ...reading, device_id: 'd2' };
    const { readings, rejected } = normaliseTelemetry([own, foreign], { ...context, owns });
    assert.deepEqual([readings[0]!.device_id, rejected.length], ['s1', 1]);
    assert.throws(() => normaliseTelemetry(params({ device_id: 'd2' }), context), rpcError(-32005));
    assert.equal(
      normaliseTelemetry(params({ device_id: 's1' }), { ...context, owns }).readings[0]!.device_id,
      's1',
    );
  });

  it('is refused as a whole when its shape makes no sense', () => {
    const cases: [unknown, number][] = [
      [null, -32004],
      ['text', -32004],
      [5, -32004],
      [{}, -32004],
      [{ jsonrpc: '2.0', method: 'device.get', params: {} }, -32602],
      [{ jsonrpc: '2.0', method: 'telemetry.update', params: [1] }, -32602],
      [{ data: [] }, -32602],
      [{ data: { live_readings: {} } }, -32602],
      [{ data: { live_readings: [], operational_status: 'on' } }, -32602],
      [params({ timestamp: 'soon' }), -32602],
      [params({ device_id: 5 }), -32602],
      [Array(10_001).fill(reading), -32602],
    ];
    for (const [payload, code] of cases)
      assert.throws(() => normaliseTelemetry(payload, context), rpcError(code));
  });

  it('has control characters taken out of text values', () => {
    const { readings } = normaliseTelemetry(
      { measurement_type: 'state', value: 'o\u0000n\u202e' },
      context,
    );
    assert.equal(readings[0]!.value, 'on');
  });
});

describe('a timestamp', () => {
  it('is ISO 8601, UTC unless it says otherwise, or milliseconds', () => {
    const expected = Date.UTC(2025, 8, 30, 10, 35);
    for (const text of [
      '2025-09-30T10:35:00Z',
      '2025-09-30T12:35:00+02:00',
      '2025-09-30 10:35',
      '2025-09-30T10:35:00.000z',
    ])
      assert.equal(parseTimestamp(text), expected, text);
    assert.equal(parseTimestamp(expected + 0.5), expected);
    assert.equal(parseTimestamp('2025-09-30'), Date.UTC(2025, 8, 30));
  });
  it('is nothing else', () => {
    for (const bad of [
      '',
      'now',
      '30.9.2025',
      '2025-13-01',
      '2025-02-30',
      '2025-09-30T25:00:00Z',
      NaN,
      Infinity,
      null,
      {},
    ])
      assert.equal(parseTimestamp(bad), undefined);
  });
});
