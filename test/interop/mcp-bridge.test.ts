import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client as ModernClient } from '@modelcontextprotocol/client';
import { StdioClientTransport as ModernStdio } from '@modelcontextprotocol/client/stdio';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { ResourceUpdatedNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { createKey, type CreatedKey } from '../support/create-key.ts';
import {
  esp32,
  eventually,
  joinDevice,
  temperature,
  type TestDevice,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const bin = join(root, 'dist', 'runtime', 'cli', 'bin.js');
const inspector = join(root, 'node_modules', '.bin', 'mcp-inspector');

describe('programs that speak MCP to a hub', function () {
  this.timeout(60_000);
  let hub: RunningHub;
  let device: TestDevice;
  let reader: CreatedKey;
  const program = (): { command: string; args: string[]; env: Record<string, string> } => ({
    command: process.execPath,
    args: [bin, 'mcp', '--url', hub.url],
    env: { LLM_IOT_KEY: reader.key },
  });

  before(async () => {
    hub = await startHub();
    device = await joinDevice(hub, { ...esp32('bridged'), name: 'cellar' });
    await device.publish('telemetry', temperature(12));
    reader = await createKey(hub, 'llm_read');
  });
  after(async () => {
    await device.end();
    await hub.stop();
    await hub.cleanUp();
  });

  describe('the bridge for desktop clients', () => {
    it('carries what a client of the first line asks, and what the hub says of itself', async () => {
      const client = new Client({ name: 'desktop', version: '1' });
      const transport = new StdioClientTransport({ ...program(), stderr: 'pipe' });
      await client.connect(transport);
      const heard: string[] = [];
      client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => {
        heard.push(params.uri);
      });
      const { tools } = await client.listTools();
      assert.ok(tools.some(({ name }) => name === 'alert_list'));
      const { isError } = await client.callTool({ name: 'alert_list', arguments: {} });
      assert.ok(!isError);
      const uri = `iot://devices/${device.id}/telemetry`;
      await client.subscribeResource({ uri });
      await eventually('a change', async () => {
        await device.publish('telemetry', temperature(12));
        return heard.includes(uri);
      });
      await assert.rejects(
        client.callTool({ name: 'device_execute', arguments: {} }),
        /may not use device.execute|Unauthorized/,
      );
      await client.close();
    });

    it('carries revision 2026-07-28, with its streams', async () => {
      const client = new ModernClient(
        { name: 'desktop', version: '2' },
        { versionNegotiation: { mode: 'auto' } },
      );
      await client.connect(new ModernStdio({ ...program(), stderr: 'pipe' }));
      assert.equal(client.getNegotiatedProtocolVersion(), '2026-07-28');
      const { contents } = await client.readResource({ uri: `iot://devices/${device.id}` });
      assert.match(JSON.stringify(contents), /cellar/);
      const uri = `iot://devices/${device.id}/telemetry`;
      const heard: string[] = [];
      client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
        heard.push(params.uri);
      });
      const subscription = await client.listen({ resourceSubscriptions: [uri] });
      await eventually('a change', async () => {
        await device.publish('telemetry', temperature(12));
        return heard.includes(uri);
      });
      await subscription.close();
      await client.close();
    });

    it('opens its session again when the hub ended it', async () => {
      const client = new Client({ name: 'desktop', version: '1' });
      await client.connect(new StdioClientTransport({ ...program(), stderr: 'pipe' }));
      const before = (await client.listResources()).resources.length;
      // 100 further sessions of the same key, and the one that was unused longest is gone.
      for (let i = 0; i < 100; i++) {
        const response = await fetch(`${hub.url}/mcp`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            authorization: `Bearer ${reader.key}`,
          },
          body: JSON.stringify({
            jsonrpc: '2.0',
            id: i,
            method: 'initialize',
            params: {
              protocolVersion: '2025-11-25',
              capabilities: {},
              clientInfo: { name: 'other', version: '1' },
            },
          }),
        });
        await response.text();
        assert.equal(response.status, 200);
      }
      assert.equal((await client.listResources()).resources.length, before);
      await client.close();
    });

    it('ends with its input, says nothing but messages, and names no key', async () => {
      const child = run(process.execPath, [bin, 'mcp', '--url', hub.url], {
        env: { ...process.env, LLM_IOT_KEY: 'wrong-key' },
      });
      child.child.stdin?.end('{"jsonrpc":"2.0","id":1,"method":"ping"}\nnonsense\n');
      const { stdout, stderr } = await child;
      const { id, error } = JSON.parse(stdout) as { id: number; error: { code: number } };
      assert.equal(id, 1);
      assert.equal(error.code, -32005);
      assert.match(stderr, /not JSON/);
      assert.doesNotMatch(stderr, /wrong-key/);
    });

    it('answers with an error when there is no hub', async () => {
      const child = run(process.execPath, [bin, 'mcp', '--url', 'ftp://nowhere'], {});
      await assert.rejects(child, /must be like/);
    });
  });

  describe('the command line of the MCP inspector', () => {
    const inspect = async (...args: string[]): Promise<Record<string, unknown>> => {
      const { stdout } = await run(process.execPath, [
        inspector,
        '--cli',
        `${hub.url}/mcp`,
        ...['--transport', 'http', '--header', `Authorization: Bearer ${reader.key}`],
        ...args,
      ]);
      return JSON.parse(stdout) as Record<string, unknown>;
    };

    it('lists, calls and reads', async () => {
      const { tools } = await inspect('--method', 'tools/list');
      assert.ok((tools as { name: string }[]).some(({ name }) => name === 'alert_list'));
      const called = await inspect('--method', 'tools/call', '--tool-name', 'alert_list');
      assert.ok(called['structuredContent']);
      const uri = `iot://devices/${device.id}/telemetry`;
      const { contents } = await inspect('--method', 'resources/read', '--uri', uri);
      assert.match(JSON.stringify(contents), /temperature/);
    });
  });
});
