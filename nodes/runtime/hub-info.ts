import type { Alerts } from '../core/alert/ports.ts';
import type { Clock } from '../core/clock.ts';
import type { CommandExecutor } from '../core/command/ports.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import type { Dispatcher, MethodDeclaration, MethodTable } from '../core/rpc/types.ts';
import { narrowsDevices } from '../core/security/scope-rules.ts';
import type { Principal } from '../core/security/types.ts';
import type { Streams } from '../core/stream/types.ts';
import type { Deliveries } from '../core/telemetry/deliveries.ts';
import type { Ledger } from '../core/telemetry/ledger.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import { alertsSeenBy } from './hub-alerts.ts';
import type { HubLimits } from './hub-limits.ts';
import { markUntrusted } from '../core/untrusted.ts';
import type { HubMcp } from './hub-mcp.ts';
import type { HubTls } from './hub-tls.ts';
import { hubVersion } from './hub-version.ts';
import type { Inbound } from './inbound.ts';

/** What the hub tells of itself. */
export interface HubInfo {
  /** `hub.info`; to whose scope is for some devices only, without the figures that count all. */
  info(principal?: Principal): Promise<object>;
  /** `hub.health`: nothing but up or down. */
  health(): Promise<{ status: 'up' | 'down' }>;
  /** `rpc.methods`: what this principal may call. */
  describeMethods(principal: Principal | undefined): object;
}

export function createHubInfo(deps: {
  clock: Clock;
  devices: DeviceRegistry;
  commands: CommandExecutor;
  alerts: Alerts;
  store: TelemetryStore;
  mqtt: MqttLink;
  inbound: Inbound;
  dispatcher: Dispatcher;
  methods: MethodTable;
  streams: Streams;
  ledger: Ledger;
  deliveries: Deliveries;
  limits: Pick<HubLimits, 'stats'>;
  tls: Pick<HubTls, 'stats' | 'problems'>;
  mcp: Pick<HubMcp, 'stats' | 'problems'>;
}): HubInfo {
  const { clock, devices, store, mqtt, inbound, deliveries } = deps;
  const startedAt = clock.now();
  let broker = { connected: false, detail: '' };
  mqtt.onState((state) => {
    broker = state;
  });

  const problems = (storeProblem: string | undefined): object[] => [
    ...Object.entries(deliveries.unsettledBySource()).map(([node, unsettled]) => ({
      problem: 'unsettled',
      node,
      ...unsettled,
      reason: 'readings that came in here reached no telemetry write in time: is a wire cut?',
    })),
    ...(inbound.attached('telemetry') === 0
      ? [
          {
            problem: 'no_source',
            reason: 'no mqtt in node takes telemetry: devices are not acknowledged',
          },
        ]
      : []),
    ...(broker.connected ? [] : [{ problem: 'broker', reason: broker.detail }]),
    ...deps.tls.problems().map((reason) => ({ problem: 'certificate', reason })),
    ...deps.mcp.problems().map((reason) => ({ problem: 'tools', reason })),
    ...(storeProblem === undefined ? [] : [{ problem: 'store', reason: storeProblem }]),
  ];

  return {
    async info(principal) {
      const health = await store.health();
      const hub = {
        name: 'LLM-IoT hub',
        version: hubVersion,
        started_at: new Date(startedAt).toISOString(),
        uptime_seconds: Math.floor((clock.now() - startedAt) / 1000),
        devices: devices.seenBy(principal).counts(),
        alerts: deps.alerts.counts(alertsSeenBy(principal, devices.canSee)),
      };
      if (narrowsDevices(principal?.scope)) return hub;
      return {
        ...hub,
        commands: deps.commands.stats(),
        telemetry: {
          ...deps.ledger.snapshot(),
          open_deliveries: deliveries.openCount(),
          store: health,
        },
        mqtt: { url: mqtt.url, ...broker, ...mqtt.stats() },
        ...(deps.tls.stats() && { tls: deps.tls.stats() }),
        rpc: { methods: deps.methods.names().length, ...deps.dispatcher.stats() },
        mcp: deps.mcp.stats(),
        streams: deps.streams.stats(),
        limits: deps.limits.stats(),
        problems: problems(health.ok ? undefined : health.detail),
      };
    },
    async health() {
      const { ok } = await store.health();
      return { status: ok && broker.connected ? 'up' : 'down' };
    },
    describeMethods: (principal) => ({
      methods: deps.methods.list(principal).map(describeMethod),
    }),
  };
}

function describeMethod(declaration: MethodDeclaration): object {
  const { name, description, params, result, roles, timeoutMs, device } = declaration;
  const method = {
    name,
    description,
    params,
    ...(result && Object.keys(result).length > 0 ? { result } : {}),
    roles,
    read_only: declaration.readOnly,
    destructive: declaration.destructive,
    ...(declaration.tool && { tool: true }),
    timeout_ms: timeoutMs,
  };
  if (!device) return method;
  const { device_ids, description: device_description } = device;
  return markUntrusted(
    { ...method, device_ids, ...(device_description !== undefined && { device_description }) },
    ['name', 'params', 'device_description'],
  );
}
