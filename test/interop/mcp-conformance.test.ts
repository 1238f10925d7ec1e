import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createOriginRules,
  guardOrigin,
  withHeaders,
} from '../../nodes/adapters/http/front-guard.ts';
import { createHubMcp, type HubMcp } from '../../nodes/runtime/hub-mcp.ts';
import { createHub, type Hub } from '../../nodes/runtime/hub.ts';
import { systemIds } from '../../nodes/runtime/system.ts';
import { withFixtures } from '../support/mcp-fixtures.ts';

const root = join(import.meta.dirname, '..', '..');
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const principal = { id: 'suite', role: 'llm_admin' } as const;

const suite = join(root, 'node_modules/@modelcontextprotocol/conformance');

/** The scenarios that the suite counts for a revision of a server. */
async function scenariosOf(revision: string): Promise<string[]> {
  const list = await readFile(join(suite, 'requirements', `${revision}.yaml`), 'utf8');
  const [, server = ''] = /^server:\n((?:[ #].*\n|\n)*)/m.exec(list) ?? [];
  return [...server.matchAll(/^ {2}- ([\w-]+)$/gm)].map(([, name = '']) => name);
}

describe('the conformance suite of MCP', function () {
  this.timeout(120_000);
  let dataDir: string;
  let hub: Hub;
  let mcp: HubMcp;
  let server: Server;

  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'llm-iot-conformance-'));
    hub = await createHub(
      {
        ...{ dataDir, rpcPath: '/rpc', wsPath: '/ws', metricsPath: '/metrics' },
        ...{ heartbeatInterval: 60, telemetryInterval: 60, maxDevices: 10, deviceKeyDays: 0 },
        ...{ commandTimeoutMs: 1_000, settleTimeoutMs: 1_000, unknownTypes: 'learn' },
        ...{ adminKey: undefined, registrationKey: undefined, secretKey: {} },
        broker: { kind: 'embedded', host: '127.0.0.1', port: 0 },
        store: { kind: 'sqlite', file: '', retention: { by_type: {} } },
      },
      silent,
    );
    let withdraw: (() => void) | undefined;
    /** A tool of the hub comes or goes, as in a deploy. */
    const toggleTool = (): void => {
      const declaration = {
        ...{ name: 'test.toggled', description: 'Comes and goes.', params: {}, tool: true },
        ...{ roles: [], readOnly: true, destructive: false, timeoutMs: 1_000 },
      };
      if (!withdraw) withdraw = hub.methods.declare(declaration, () => undefined);
      else {
        withdraw();
        withdraw = undefined;
      }
    };
    mcp = createHubMcp({
      ...hub,
      // The suite shows no key.
      authenticate: () => Promise.resolve(principal),
      stands: () => true,
      mayTake: () => Promise.resolve(),
      ids: systemIds,
      log: silent,
      extend: (surface) => withFixtures(surface, toggleTool),
    });
    const rules = createOriginRules({ allowedHosts: ['localhost', '127.0.0.1'] });
    const handler = guardOrigin(
      (req, res) => mcp.endpoint(req, res),
      rules,
      () => undefined,
    );
    server = createServer(withHeaders(handler)).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  after(async () => {
    await mcp.close();
    server.closeAllConnections();
    server.close();
    await hub.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  for (const revision of ['2025-11-25', '2026-07-28'])
    it(`passes every scenario that revision ${revision} requires`, async () => {
      const { port } = server.address() as AddressInfo;
      const { code, output } = await new Promise<{ code: unknown; output: string }>((resolve) => {
        execFile(
          process.execPath,
          [
            join(suite, 'dist/index.js'),
            ...['server', '--url', `http://127.0.0.1:${port}/mcp`, '--requirements', revision],
          ],
          { cwd: dataDir, maxBuffer: 16_777_216 },
          (error, stdout, stderr) => resolve({ code: error?.code ?? 0, output: stdout + stderr }),
        );
      });
      assert.equal(code, 0, output);
      let checks = 0;
      const scenarios = await scenariosOf(revision);
      assert.ok(scenarios.length >= 30);
      for (const name of scenarios) {
        const [, passed] =
          new RegExp(`^✓ ${name}: (\\d+) passed, 0 failed$`, 'm').exec(output) ?? [];
        assert.ok(Number(passed) > 0, `${name}\n${output}`);
        checks += Number(passed);
      }
      const page = await readFile(join(root, 'docs/llm.md'), 'utf8');
      const row = `| ${revision} | ${scenarios.length} of ${scenarios.length} | ${checks} of ${checks} |`;
      assert.ok(page.includes(row), `docs/llm.md should have: ${row}`);
    });
});
