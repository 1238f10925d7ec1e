import assert from 'node:assert/strict';
import { createResourceAccess } from '../../../nodes/adapters/mcp/resources.ts';
import type { McpChange } from '../../../nodes/adapters/mcp/types.ts';
import { createWatchers } from '../../../nodes/adapters/mcp/watchers.ts';
import { createMethodTable } from '../../../nodes/core/rpc/method-table.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { createStreams } from '../../../nodes/core/stream/streams.ts';
import { createDomain, rpcError } from '../../support/domain.ts';
import { method } from '../../support/rpc-rig.ts';

const reader: Principal = { id: 'reader', role: 'llm_read' };

function createRig() {
  const domain = createDomain();
  const { registry: devices, clock, ids, events } = domain;
  const methods = createMethodTable();
  for (const name of ['device.list', 'device.get', 'telemetry.latest', 'alert.list'])
    methods.declare(method(name, { roles: ['llm_read', 'device'] }), () => undefined);
  const streams = createStreams({ ids, canSee: devices.canSee });
  const access = createResourceAccess({ methods, devices });
  const watchers = createWatchers({ access, streams, events, methods, clock, ids });
  const watch = (principal = reader, writable = (): boolean => true) => {
    const told: McpChange[] = [];
    const watcher = watchers.watch({ principal, writable, tell: (change) => told.push(change) });
    return { watcher, told };
  };
  const report = (id: string): void => streams.publish(id, 'telemetry', {}, clock.now());
  return { ...domain, methods, streams, watchers, watch, report };
}

describe('what MCP clients are told of', () => {
  it('is each change once a second, however often it happens', async () => {
    const { register, watch, report, clock } = createRig();
    const { device_id: id } = await register();
    const { watcher, told } = watch();
    const uri = `iot://devices/${id}/telemetry`;
    assert.equal(watcher.add(uri), true);
    for (let i = 0; i < 1_000; i++) report(id);
    assert.deepEqual(told, [{ uri }]);
    clock.advance(1_000);
    assert.deepEqual(told, [{ uri }, { uri }]);
    clock.advance(10_000);
    assert.equal(told.length, 2);
  });

  it('waits for a client that does not read, and nothing piles up', async () => {
    const { register, watch, report, clock } = createRig();
    const { device_id: id } = await register();
    let isWritable = false;
    const { watcher, told } = watch(reader, () => isWritable);
    watcher.add(`iot://devices/${id}/telemetry`);
    for (let i = 0; i < 1_000; i++) report(id);
    clock.advance(60_000);
    assert.deepEqual(told, []);
    isWritable = true;
    watcher.flush();
    assert.equal(told.length, 1);
  });

  it('are devices that come and go, and what is about each', async () => {
    const { register, registry, watch, clock } = createRig();
    const { device_id: id } = await register();
    const { watcher, told } = watch();
    watcher.add('iot://devices');
    watcher.add(`iot://devices/${id}`);
    watcher.add(`iot://devices/${id}/schema`);
    await registry.update({ device_id: id, name: 'another' });
    clock.advance(1_000);
    for (const uri of ['iot://devices', `iot://devices/${id}`, `iot://devices/${id}/schema`])
      assert.ok(
        told.some((change) => typeof change === 'object' && change.uri === uri),
        uri,
      );
    told.length = 0;
    clock.advance(1_000);
    await registry.setStatus(id, 'offline', 'silent');
    clock.advance(1_000);
    assert.deepEqual(told, [{ uri: 'iot://devices' }, { uri: `iot://devices/${id}` }]);
  });

  it('is nothing about what their scope leaves out', async () => {
    const { register, registry, watch, report, watchers, clock, streams } = createRig();
    const { device_id: mine } = await register();
    const { device_id: other } = await register();
    const narrow: Principal = { ...reader, id: 'narrow', scope: { device_ids: [mine] } };
    const { watcher, told } = watch(narrow);
    assert.equal(watcher.add(`iot://devices/${other}/telemetry`), false);
    assert.equal(watcher.add('iot://devices/nobody'), false);
    assert.equal(watcher.add('iot://devices'), true);
    assert.equal(watcher.add('iot://alerts'), true);
    report(other);
    await registry.update({ device_id: other, name: 'secret' });
    await register();
    streams.publish(other, 'alerts', {}, clock.now());
    watchers.alertChanged(undefined);
    clock.advance(2_000);
    assert.deepEqual(told, []);
    streams.publish(mine, 'alerts', {}, clock.now());
    assert.deepEqual(told, [{ uri: 'iot://alerts' }]);
  });

  it('is nothing of others to a device', async () => {
    const { register, watch } = createRig();
    const { device_id: mine } = await register();
    const { device_id: other } = await register();
    const { watcher, told } = watch({ id: 'key', role: 'device', device_id: mine });
    assert.equal(watcher.add(`iot://devices/${other}`), false);
    assert.equal(watcher.add(`iot://devices/${mine}`), true);
    await register();
    assert.deepEqual(told, []);
  });

  it('are tools and prompts, when a deploy is over and changed any', () => {
    const { methods, watch, clock } = createRig();
    const { told } = watch();
    const withdraw = methods.declare(method('test.tool', { tool: true }), () => undefined);
    clock.advance(2_000);
    assert.deepEqual(told, ['tools', 'prompts']);
    withdraw();
    methods.declare(method('test.tool', { tool: true }), () => undefined);
    clock.advance(5_000);
    assert.equal(told.length, 2);
  });

  it('has a bound, and ends without a trace', async () => {
    const { register, watch, watchers, streams, clock } = createRig();
    const uris: string[] = [];
    for (let i = 0; i < 101; i++)
      uris.push(`iot://devices/${(await register()).device_id}/telemetry`);
    const { watcher } = watch();
    for (const uri of uris.slice(0, 100)) watcher.add(uri);
    assert.throws(() => watcher.add(uris[100]!), rpcError(-32006, /100 resources/));
    watcher.remove(uris[0]!);
    assert.equal(watcher.add(uris[100]!), true);
    watcher.end();
    assert.equal(streams.stats().subscriptions, 0);
    assert.equal(watchers.size(), 0);
    assert.equal(clock.pending(), 0);
  });
});
