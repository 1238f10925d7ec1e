import assert from 'node:assert/strict';
import { createAlerts, type AlertDeps } from '../../../nodes/core/alert/alerts.ts';
import { createCountingIds, rpcError } from '../../support/domain.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryRecords } from '../../support/memory-records.ts';

function create(limits: Partial<AlertDeps> = {}) {
  const records = limits.records ?? createMemoryRecords();
  const clock = createFakeClock();
  const alerts = createAlerts({ records, clock, ids: createCountingIds(), ...limits });
  const offline = {
    device_id: 'd1',
    kind: 'offline',
    severity: 'error',
    message: 'gone',
    lasting: true,
  } as const;
  const bad = {
    device_id: 'd1',
    kind: 'bad_message',
    severity: 'warning',
    message: 'not JSON',
  } as const;
  return {
    records: records as ReturnType<typeof createMemoryRecords>,
    clock,
    alerts,
    offline,
    bad,
  };
}

describe('alerts', () => {
  it('are one per device and kind, counted up while they last', async () => {
    const { alerts, offline, bad, records } = create();
    const first = await alerts.raise(offline);
    const second = await alerts.raise({ ...offline, message: 'still gone' });
    assert.deepEqual([first.fresh, second.fresh], [true, false]);
    assert.equal(second.alert.alert_id, first.alert.alert_id);
    assert.equal(second.alert.count, 2);
    assert.equal(second.alert.message, 'still gone');
    await alerts.raise(bad);
    await alerts.raise({ ...offline, device_id: 'd2' });
    assert.equal(records.count('alert'), 3);
    assert.deepEqual(alerts.counts(), { raised: 3, acknowledged: 0 });
  });

  it('are told and stored at most once in ten seconds while they are raised again and again', async () => {
    const { alerts, bad, clock, records } = create();
    const published: boolean[] = [];
    for (let n = 0; n < 25; n++) {
      published.push((await alerts.raise(bad)).publish);
      clock.advance(1_000);
    }
    assert.deepEqual(
      published.flatMap((told, second) => (told ? [second] : [])),
      [0, 10, 20],
    );
    assert.equal(records.writes(), 3);
    assert.equal(alerts.list({}).alerts[0]!.count, 25);
  });

  it('are told at once when they become more severe', async () => {
    const { alerts, bad } = create();
    await alerts.raise(bad);
    assert.equal((await alerts.raise({ ...bad, severity: 'error' })).publish, true);
  });

  it('stay when they are acknowledged if their cause lasts, and are cleared if not', async () => {
    const { alerts, offline, bad, clock } = create();
    const lasting = (await alerts.raise(offline)).alert.alert_id;
    const passing = (await alerts.raise(bad)).alert.alert_id;
    clock.advance(5);
    const acknowledged = await alerts.acknowledge(lasting, 'admin');
    assert.equal(acknowledged.state, 'acknowledged');
    assert.equal(acknowledged.acknowledged_by, 'admin');
    assert.equal(acknowledged.acknowledged_at, '2026-01-01T00:00:00.005Z');
    assert.equal((await alerts.raise(offline)).alert.state, 'acknowledged');
    assert.equal((await alerts.acknowledge(passing, 'admin')).state, 'cleared');
    assert.equal((await alerts.acknowledge(lasting, 'other')).acknowledged_by, 'admin');
    await assert.rejects(alerts.acknowledge('nothing', 'admin'), rpcError(-32602, /alert\.list/));
  });

  it('are cleared with their cause, and raised afresh after that', async () => {
    const { alerts, offline } = create();
    const { alert } = await alerts.raise(offline);
    const cleared = await alerts.clear({ device_id: 'd1', kind: 'offline' });
    assert.deepEqual([cleared!.state, cleared!.alert_id], ['cleared', alert.alert_id]);
    assert.equal(await alerts.clear({ device_id: 'd1', kind: 'offline' }), undefined);
    assert.equal(await alerts.clear({ alert_id: alert.alert_id }), undefined);
    const again = await alerts.raise(offline);
    assert.deepEqual([again.fresh, again.publish], [true, true]);
    assert.notEqual(again.alert.alert_id, alert.alert_id);
  });

  it('are listed newest first, by filters and page by page', async () => {
    const { alerts, clock } = create();
    for (let n = 0; n < 5; n++) {
      await alerts.raise({
        device_id: `d${n}`,
        kind: 'k',
        severity: n % 2 ? 'error' : 'warning',
        message: 'm',
      });
      clock.advance(1);
    }
    await alerts.clear({ device_id: 'd0', kind: 'k' });
    const first = alerts.list({ limit: 3 });
    assert.deepEqual(
      first.alerts.map(({ device_id }) => device_id),
      ['d4', 'd3', 'd2'],
    );
    const second = alerts.list({ limit: 3, cursor: first.cursor });
    assert.deepEqual(
      second.alerts.map(({ device_id }) => device_id),
      ['d1'],
    );
    assert.equal(second.cursor, undefined);
    assert.equal(alerts.list({ severity: 'error' }).alerts.length, 2);
    assert.equal(alerts.list({ state: 'cleared' }).alerts.length, 1);
    assert.equal(alerts.list({ device_id: 'd3' }).alerts.length, 1);
    assert.throws(() => alerts.list({ state: 'gone' }), rpcError(-32602, /raised/));
  });

  it('are there again after a restart', async () => {
    const { alerts, offline, records } = create();
    const { alert } = await alerts.raise(offline);
    const next = create({ records });
    await next.alerts.load();
    const again = await next.alerts.raise(offline);
    assert.deepEqual([again.fresh, again.alert.alert_id], [false, alert.alert_id]);
  });

  it('are bounded: the oldest passing one makes room, and old cleared ones are forgotten', async () => {
    const { alerts, offline, records } = create({ maxActive: 3, maxCleared: 2 });
    await alerts.raise(offline);
    for (let n = 0; n < 10; n++)
      await alerts.raise({ kind: `k${n}`, severity: 'warning', message: 'm' });
    const active = alerts.list({}).alerts;
    assert.deepEqual(active.map(({ kind }) => kind).sort(), ['k8', 'k9', 'offline']);
    assert.equal(alerts.list({ state: 'cleared' }).alerts.length, 2);
    assert.equal(records.count('alert'), 5);
  });

  it('hold clean texts of limited length', async () => {
    const { alerts } = create();
    const { alert } = await alerts.raise({
      kind: 'x\u0000',
      severity: 'error',
      message: 'a\u202e'.repeat(1_000),
      data: { why: 'b\u0007', big: 1 },
    });
    assert.equal(alert.kind, 'x');
    assert.ok(alert.message.length <= 500 && !alert.message.includes('\u202e'));
    assert.deepEqual(alert.data, { why: 'b', big: 1 });
  });
});
