import assert from 'node:assert/strict';
import { createDeviceService } from '../../../nodes/core/device/service.ts';
import { createDomain, createMemoryLog, rpcError, settled } from '../../support/domain.ts';

function createWatched(options?: Parameters<typeof createDomain>[0]) {
  const domain = createDomain(options);
  const log = createMemoryLog();
  const { registry, clock, events } = domain;
  const service = createDeviceService({ registry, clock, events, log });
  const reasons: string[] = [];
  events.on('offline', ({ reason }) => reasons.push(reason));
  return { ...domain, service, log, reasons };
}

describe('the presence of registered devices', () => {
  it('is watched from registration on, stored and told when it ends', async () => {
    const { register, registry, clock, records, told, reasons } = createWatched();
    const { device_id } = await register({ heartbeat_interval: 10 });
    clock.advance(25_000);
    await settled();
    assert.equal(records.peek('device', device_id)?.['status'], 'offline');
    assert.equal(registry.get(device_id).last_seen, '2026-01-01T00:00:00.000Z');
    assert.deepEqual(told, ['registered', 'offline']);
    assert.deepEqual(reasons, ['no sign of life for 25 s']);
  });

  it('comes back with any sign of life of the device or one of its sensors', async () => {
    const { register, registry, clock, service, told } = createWatched();
    const { device_id } = await register({ heartbeat_interval: 10 });
    const found = await registry.discoverSensor({
      mcu_id: device_id,
      static_schema: { model: 'A' },
    });
    clock.advance(25_000);
    await settled();
    service.seen((found as { sensor_id: string }).sensor_id);
    await settled();
    assert.equal(registry.get(device_id).status, 'online');
    assert.equal(told.at(-1), 'online');
    service.seen('nobody');
  });

  it('ends at once with a will', async () => {
    const { register, registry, service, reasons } = createWatched();
    const { device_id } = await register();
    service.gone(device_id, 'last will');
    await settled();
    assert.equal(registry.get(device_id).status, 'offline');
    assert.deepEqual(reasons, ['last will']);
  });

  it('comes back when the device resumes its session, with the new interval', async () => {
    const { register, registry, service, clock, told } = createWatched();
    const { device_id, api_key } = await register({ hardware_id: 'hw' });
    service.gone(device_id, 'last will');
    await settled();
    await register({ hardware_id: 'hw', api_key, heartbeat_interval: 10 });
    await settled();
    assert.equal(registry.get(device_id).status, 'online');
    assert.deepEqual(told, ['registered', 'offline', 'resumed', 'online']);
    clock.advance(25_000);
    await settled();
    assert.equal(registry.get(device_id).status, 'offline');
  });

  it('is watched again after a restart, with the full time from then', async () => {
    const first = createWatched();
    const on = await first.register({ heartbeat_interval: 10 });
    const off = await first.register({ heartbeat_interval: 10 });
    first.service.gone(off.device_id, 'x');
    await settled();
    const { registry, service, clock, told } = createWatched({ records: first.records });
    await registry.load();
    service.start();
    clock.advance(24_999);
    await settled();
    assert.equal(registry.get(on.device_id).status, 'online');
    clock.advance(1);
    await settled();
    assert.deepEqual(told, ['offline']);
    service.seen(off.device_id);
    await settled();
    assert.deepEqual(told, ['offline', 'online']);
  });

  it('ends with the removal of the device', async () => {
    const { register, registry, clock, told } = createWatched();
    const { device_id } = await register();
    await registry.remove(device_id);
    clock.advance(1_000_000);
    await settled();
    assert.deepEqual(told, ['registered', 'removed']);
  });

  it('answers a heartbeat with the hub time and the interval', async () => {
    const { register, service, registry } = createWatched();
    const { device_id } = await register();
    assert.deepEqual(await service.heartbeat({ device_id }), {
      device_id,
      status: 'online',
      server_time: '2026-01-01T00:00:00.000Z',
      heartbeat_interval: 60,
    });
    await service.heartbeat({ device_id, status: 'offline', reason: 'battery empty' });
    assert.equal(registry.get(device_id).status, 'offline');
    await assert.rejects(
      service.heartbeat({ device_id, status: 'asleep' }),
      rpcError(-32602, /one of/),
    );
    await assert.rejects(service.heartbeat({ device_id: 'nobody' }), rpcError(-32000));
  });

  it('says so in the log when a change cannot be stored', async () => {
    const { register, service, records, log } = createWatched();
    const { device_id } = await register();
    records.failWith(new Error('disk full'));
    service.gone(device_id, 'x');
    await settled();
    assert.match(log.lines.join(), /could not store .* offline.*disk full/);
  });

  it('leaves no timer and no listener behind when it is closed', async () => {
    const { register, service, clock, events } = createWatched();
    await register();
    const before = events.listenerCount();
    service.close();
    assert.equal(clock.pending(), 0);
    assert.equal(events.listenerCount(), before - 3);
  });
});
