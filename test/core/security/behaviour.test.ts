import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createBehaviourWatch, type Anomaly } from '../../../nodes/core/security/behaviour.ts';
import { createHistory } from '../../../nodes/core/security/history.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { readHouse } from '../../support/house-recording.ts';

const day = 86_400_000;

function createRig() {
  const clock = createFakeClock();
  const anomalies: Anomaly[] = [];
  const watch = createBehaviourWatch({ clock, onAnomaly: (anomaly) => anomalies.push(anomaly) });
  /** A device that reports every minute, as many times. */
  const report = (times: number, bytes = 220): void => {
    for (let i = 0; i < times; i++) {
      watch.message('d1', bytes);
      clock.advance(60_000);
    }
  };
  return { clock, anomalies, watch, report, kinds: () => anomalies.map(({ kind }) => kind) };
}

describe('the behaviour of devices', () => {
  it('is usual while nothing changes, and unknown at first', () => {
    const { watch, report, anomalies } = createRig();
    for (let i = 0; i < 1_000; i++) watch.message('new', 50_000);
    report(10_000);
    assert.deepEqual(anomalies, []);
  });

  it('is unusual when a device sends many times as many messages, once a quarter of an hour', () => {
    const { watch, report, anomalies } = createRig();
    report(600);
    for (let i = 0; i < 1_000; i++) watch.message('d1', 220);
    assert.equal(anomalies.length, 1);
    const [{ kind, message, data }] = anomalies as [Anomaly];
    assert.equal(kind, 'anomaly_rate');
    assert.match(message, /^\d+ messages within 900 s, usual are 1\d(\.\d)?$/);
    assert.equal(data['window_s'], 900);
    assert.ok((data['messages'] as number) > (data['limit'] as number));
    assert.ok((data['limit'] as number) > 40, 'four times the usual is not unusual');
  });

  it('is unusual when a message is many times as long as the longest', () => {
    const { watch, report, anomalies } = createRig();
    report(600);
    watch.message('d1', 2_000);
    assert.deepEqual(anomalies, [], 'below 2 KiB nothing is');
    watch.message('d1', 100_000);
    watch.message('d1', 100_000);
    assert.deepEqual(
      anomalies.map(({ kind, data }) => [kind, data['bytes']]),
      [['anomaly_size', 100_000]],
    );
  });

  it('is unusual at an hour it was never heard in, but not beside one', () => {
    const { clock, watch, kinds } = createRig();
    for (let i = 0; i < 20; i++) {
      clock.advance(9 * 3_600_000);
      watch.message('d1', 100);
      clock.advance(15 * 3_600_000);
    }
    clock.advance(10 * 3_600_000);
    watch.message('d1', 100);
    assert.deepEqual(kinds(), []);
    clock.advance(7 * 3_600_000);
    watch.message('d1', 100);
    watch.message('d1', 100);
    assert.deepEqual(kinds(), ['anomaly_time']);
  });

  it('is unusual when somebody gives a command nobody of that role gave before', () => {
    const { watch, kinds } = createRig();
    watch.command('d1', 'open', 'user_operator');
    for (let i = 0; i < 20; i++) watch.command('d1', 'close', 'user_operator');
    watch.command('d1', 'open', 'user_operator');
    assert.deepEqual(kinds(), []);
    watch.command('d1', 'open', 'llm_write');
    watch.command('d1', 'reset', 'user_operator');
    watch.command('d1', 'reset', 'user_operator');
    assert.deepEqual(kinds(), ['anomaly_command', 'anomaly_command']);
  });

  it('is unusual from a network it never came from', () => {
    const { watch, anomalies, kinds } = createRig();
    for (const address of ['192.168.1.7', '192.168.1.99', '::ffff:192.168.1.3'])
      watch.address('d1', address);
    assert.deepEqual(kinds(), []);
    watch.address('d1', '203.0.113.5');
    watch.address('d1', '192.168.1.7');
    watch.address('d1', '203.0.113.77');
    assert.deepEqual(kinds(), ['anomaly_address']);
    assert.deepEqual(anomalies[0]?.data, {
      address: '203.0.113.5',
      network: '203.0.113.0/24',
      known: ['192.168.1.0/24'],
    });
  });

  it('is known again after a restart, and forgotten with the device', () => {
    const first = createRig();
    first.report(600);
    first.watch.address('d1', '192.168.1.7');
    const [record] = first.watch.changed();
    assert.ok(record);
    assert.deepEqual(first.watch.changed(), [], 'nothing changed since');
    assert.ok(JSON.stringify(record).length < 1_500);

    const second = createRig();
    second.watch.restore(JSON.parse(JSON.stringify(record)) as typeof record);
    for (let i = 0; i < 1_000; i++) second.watch.message('d1', 220);
    second.watch.address('d1', '203.0.113.5');
    assert.deepEqual(second.kinds(), ['anomaly_rate', 'anomaly_address']);
    second.watch.forget('d1');
    second.watch.address('d1', '198.51.100.1');
    assert.equal(second.anomalies.length, 2);
  });
});

describe('the history of a count', () => {
  it('never finds what it has seen often unusual, whatever the rest was', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1_000_000), { minLength: 24, maxLength: 200 }),
        fc.nat(1_000_000),
        (values, often) => {
          const history = createHistory(96);
          for (const value of values) history.add(value);
          for (let i = 0; i < 49; i++) history.add(often);
          const { limit } = history.limit(24) ?? { limit: 0 };
          assert.ok(limit > often, `${limit} for ${often}`);
        },
      ),
    );
  });

  it('is the same after it was kept and read again', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { maxLength: 300 }), (values) => {
        const history = createHistory(96);
        for (const value of values) history.add(value);
        const again = createHistory(96, history.bytes());
        assert.deepEqual(again.limit(0), history.limit(0));
        assert.deepEqual(again.bytes(), history.bytes());
      }),
    );
  });
});

describe('false alarms on recorded data', () => {
  /** Ten devices of a house in two weeks, each message as long as the readings it carries. */
  const replay = (change?: (at: number, message: (bytes: number) => void) => void) => {
    const moments = readHouse();
    const clock = createFakeClock(moments[0]?.at);
    const anomalies: (Anomaly & { at: number })[] = [];
    const watch = createBehaviourWatch({
      clock,
      onAnomaly: (anomaly) => anomalies.push({ ...anomaly, at: clock.now() }),
    });
    let messages = 0;
    const devices = new Set<string>();
    for (const { at, readings } of moments) {
      clock.set(at);
      for (const [device, values] of Object.entries(readings)) {
        devices.add(device);
        watch.message(device, JSON.stringify(values).length + 150);
        messages += 1;
      }
      change?.(at, (bytes) => watch.message('kitchen', bytes));
    }
    const days = ((moments.at(-1)?.at ?? 0) - (moments[0]?.at ?? 0)) / day;
    return { anomalies, messages, days, devices: devices.size };
  };

  it('are none in two weeks of a real house with irregular gaps', () => {
    const { anomalies, messages, days, devices } = replay();
    assert.ok(devices >= 10 && days > 13 && messages > 5_000, `${devices} ${days} ${messages}`);
    assert.deepEqual(anomalies, []);
  });

  it('hide no flood and no dump in the same data', () => {
    let n = 0;
    const { anomalies } = replay((_at, message) => {
      n += 1;
      if (n === 400) for (let i = 0; i < 200; i++) message(220);
      if (n === 450) message(20_000);
    });
    assert.deepEqual(
      anomalies.map(({ kind, device_id }) => [kind, device_id]),
      [
        ['anomaly_rate', 'kitchen'],
        ['anomaly_size', 'kitchen'],
      ],
    );
  });
});
