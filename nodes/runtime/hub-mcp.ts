import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Approvals } from '../adapters/mcp/confirmation.ts';
import { createMcpEndpoint, type McpEndpoint, type McpLimits } from '../adapters/mcp/endpoint.ts';
import { createResourceAccess } from '../adapters/mcp/resources.ts';
import { createSurface } from '../adapters/mcp/surface.ts';
import type { McpSurface } from '../adapters/mcp/types.ts';
import { createWatchers } from '../adapters/mcp/watchers.ts';
import type { AddressOf } from '../adapters/http/client-address.ts';
import type { CertificateOf } from '../adapters/http/credentials.ts';
import type { Clock } from '../core/clock.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import type { Emitter, HubEvents } from '../core/events.ts';
import type { Ids } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import { rulesFor } from '../core/description/llms-text.ts';
import type { Dispatcher, MethodDeclaration, MethodTable } from '../core/rpc/types.ts';
import type { Authenticate } from '../core/security/authentication.ts';
import type { AdmitCall } from '../core/security/call-limits.ts';
import type { Principal } from '../core/security/types.ts';
import type { Streams } from '../core/stream/types.ts';
import { countTools, mostTools, toolNameOf, toolsFor } from '../core/tool/tools.ts';
import type { Gate } from './gate.ts';
import type { Stands } from './hub-authentication.ts';
import { hubVersion } from './hub-version.ts';
import type { OAuthSettings } from './oauth-settings.ts';

/** The hub as a server of MCP. */
export interface HubMcp extends Pick<McpEndpoint, 'disconnect' | 'stats' | 'close'> {
  endpoint(req: IncomingMessage, res: ServerResponse): void;
  /** An alarm changed; of no device, when it is about the hub. */
  alertChanged(deviceId: string | undefined): void;
  /** What is wrong with what is offered, in sentences. */
  problems(): string[];
}

/** The table of methods changes often in the course of one deploy. */
const deployMs = 500;

/** What a client gives its model before it uses the tools. */
function instructionsFor(methods: MethodTable, principal: Principal): string {
  const may = new Set(toolsFor(methods, principal).map(({ declaration }) => declaration.name));
  return [
    'This hub connects the devices, sensors and actuators of a building or site.',
    ...rulesFor(may, toolNameOf),
  ].join('\n');
}

/** @param deps.extend what a test profile offers besides */
export function createHubMcp(deps: {
  methods: MethodTable;
  dispatcher: Dispatcher;
  devices: DeviceRegistry;
  streams: Streams;
  events: Emitter<HubEvents>;
  authenticate: Authenticate;
  stands: Stands;
  mayTake: AdmitCall;
  gate: Gate;
  approvals?: Approvals | undefined;
  oauth?: Pick<OAuthSettings, 'roles'> | undefined;
  metadataUrl?: string | undefined;
  addressOf?: AddressOf;
  certificateOf?: CertificateOf | undefined;
  clock: Clock;
  ids: Ids;
  log: Log;
  limits?: Partial<McpLimits>;
  extend?: (surface: McpSurface) => McpSurface;
}): HubMcp {
  const { methods, devices, clock, ids, log, gate, oauth, extend } = deps;
  const access = createResourceAccess({ methods, devices });
  const watchers = createWatchers({ ...deps, access });
  const surface = createSurface({
    ...deps,
    access,
    approvals: deps.approvals,
    instructions: (principal) => instructionsFor(methods, principal),
  });
  const endpoint = createMcpEndpoint({
    ...deps,
    surface: extend ? extend(surface) : surface,
    watchers,
    whenOpen: () => gate.whenOpen(),
    scopeFor: (declaration) => scopeFor(declaration, oauth),
    version: hubVersion,
    ids,
  });

  const problems = (): string[] => {
    const tools = countTools(methods);
    return tools > mostTools
      ? [`${tools} methods are offered as tools; beyond ${mostTools} models choose badly`]
      : [];
  };
  let cancelCheck = (): void => undefined;
  let warned = 0;
  const stopChecking = methods.onChange(() => {
    cancelCheck();
    cancelCheck = clock.after(deployMs, () => {
      const tools = countTools(methods);
      if (tools !== warned) for (const problem of problems()) log.warn(problem);
      warned = tools;
    });
  });

  return {
    endpoint: (req, res) => endpoint.handle(req, res),
    disconnect: (who) => endpoint.disconnect(who),
    alertChanged: (deviceId) => watchers.alertChanged(deviceId),
    stats: () => endpoint.stats(),
    problems,
    async close() {
      stopChecking();
      cancelCheck();
      await endpoint.close();
      watchers.close();
    },
  };
}

/** The least that a token must carry for a method: the value of the last role in the mapping that may call it. */
function scopeFor(
  { roles }: MethodDeclaration,
  oauth: Pick<OAuthSettings, 'roles'> | undefined,
): string | undefined {
  if (!oauth) return roles.find((role) => role.startsWith('llm_')) ?? 'llm_admin';
  const values = oauth.roles.filter(([, role]) => role === 'llm_admin' || roles.includes(role));
  return values.at(-1)?.[0];
}
