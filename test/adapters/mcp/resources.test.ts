import assert from 'node:assert/strict';
import { createResourceAccess, createResources } from '../../../nodes/adapters/mcp/resources.ts';
import type { McpCall } from '../../../nodes/adapters/mcp/types.ts';
import { parseUri } from '../../../nodes/adapters/mcp/uris.ts';
import { createDomain, rpcError } from '../../support/domain.ts';
import { createRpcRig } from '../../support/rpc-rig.ts';

interface Listed {
  resources: { uri: string }[];
  nextCursor?: string;
}

describe('the hub as resources of MCP', () => {
  it('lists 1,000 devices in pages, and no more', async () => {
    const { registry: devices, register } = createDomain({ settings: { maxDevices: 2_000 } });
    const { methods, dispatcher, answer } = createRpcRig();
    for (const name of ['device.list', 'device.get']) answer(name, () => ({}));
    for (let i = 0; i < 1_050; i++) await register();
    const access = createResourceAccess({ methods, devices });
    const { 'resources/list': list } = createResources({ access, devices, dispatcher });
    const call = { principal: { id: 'r', role: 'llm_read' } } as McpCall;
    const uris = new Set<string>();
    let cursor: string | undefined;
    let pages = 0;
    do {
      const page = (await list(cursor === undefined ? {} : { cursor }, call)) as Listed;
      assert.ok(page.resources.length <= 102);
      for (const { uri } of page.resources) uris.add(uri);
      cursor = page.nextCursor;
      pages += 1;
    } while (cursor !== undefined);
    assert.equal(pages, 10);
    // The resource of all devices is one more; nobody declared alarms.
    assert.equal(uris.size, 1_001);
    for (const wrong of ['', 'x', '5~', 7, null])
      assert.throws(() => list({ cursor: wrong }, call), rpcError(-32602, /cursor/));
  });

  it('knows its own URIs and no other', () => {
    assert.deepEqual(parseUri('iot://devices'), { kind: 'devices' });
    assert.deepEqual(parseUri('iot://devices?cursor=a%2Fb'), { kind: 'devices', cursor: 'a/b' });
    assert.deepEqual(parseUri('iot://alerts'), { kind: 'alerts' });
    assert.deepEqual(parseUri('iot://devices/a%20b'), { kind: 'device', id: 'a b' });
    assert.deepEqual(parseUri('iot://devices/a/telemetry'), { kind: 'telemetry', id: 'a' });
    assert.deepEqual(parseUri('iot://devices/a/schema'), { kind: 'schema', id: 'a' });
    for (const wrong of [
      ...[
        'iot://',
        'iot://device/a',
        'iot://devices/',
        'iot://devices/a/b',
        'iot://devices/a/telemetry/',
      ],
      ...[
        'iot://devices/%zz',
        'IOT://devices',
        `iot://devices/${'a'.repeat(600)}`,
        'file:///x',
        7,
        null,
      ],
    ])
      assert.equal(parseUri(wrong), undefined, String(wrong));
  });
});
