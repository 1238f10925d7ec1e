import {
  ResourceNotFoundError,
  type Resource,
  type ResourceTemplateType,
} from '@modelcontextprotocol/server';
import { isObject } from '../../core/document.ts';
import type { DeviceRegistry } from '../../core/device/ports.ts';
import { invalidParam } from '../../core/params.ts';
import { mayCall } from '../../core/security/permissions.ts';
import type { Principal } from '../../core/security/types.ts';
import { markUntrusted } from '../../core/untrusted.ts';
import type { Dispatcher, MethodTable } from '../../core/rpc/types.ts';
import { contextOf } from './tools.ts';
import type { McpCall, McpHandler } from './types.ts';
import { alertsUri, devicesUri, deviceUri, parseUri, type ResourceAddress } from './uris.ts';

const mimeType = 'application/json';
const devicesInPage = 100;
/**
 * Many clients read a list to its end before they do anything else; beyond that there are the templates, completion and
 * the resource of all devices.
 */
const mostListed = 1_000;

/** What somebody reads in a resource is the answer of this method, so that its roles, scope and policies hold. */
const methodOf: Record<ResourceAddress['kind'], string> = {
  devices: 'device.list',
  device: 'device.get',
  schema: 'device.get',
  telemetry: 'telemetry.latest',
  alerts: 'alert.list',
};

const templates: (ResourceTemplateType & { kind: ResourceAddress['kind'] })[] = [
  {
    kind: 'devices',
    uriTemplate: `${devicesUri}{?cursor}`,
    name: 'devices_page',
    title: 'Devices, further pages',
    description: 'The page of the device list that the cursor of the page before leads to.',
    mimeType,
  },
  {
    kind: 'device',
    uriTemplate: `${devicesUri}/{device_id}`,
    name: 'device',
    title: 'One device',
    description: 'State, place, labels, sensors and commands of a device.',
    mimeType,
  },
  {
    kind: 'telemetry',
    uriTemplate: `${devicesUri}/{device_id}/telemetry`,
    name: 'device_telemetry',
    title: 'Newest readings of a device',
    description: 'The newest reading of everything that a device or sensor measures.',
    mimeType,
  },
  {
    kind: 'schema',
    uriTemplate: `${devicesUri}/{device_id}/schema`,
    name: 'device_schema',
    title: 'Schema of a device',
    description: 'What a device declares: measurements with units, commands with their arguments.',
    mimeType,
  },
];

/** Which resources somebody may have. */
export interface ResourceAccess {
  /** What the URI is about, if it exists for them. */
  find(uri: unknown, principal: Principal): ResourceAddress | undefined;
}

export function createResourceAccess(deps: {
  methods: Pick<MethodTable, 'get'>;
  devices: Pick<DeviceRegistry, 'canSee'>;
}): ResourceAccess & { may(kind: ResourceAddress['kind'], principal: Principal): boolean } {
  const { methods, devices } = deps;
  const may = (kind: ResourceAddress['kind'], principal: Principal): boolean => {
    const declaration = methods.get(methodOf[kind]);
    return declaration !== undefined && mayCall(declaration, principal);
  };
  return {
    may,
    find(uri, principal) {
      const address = parseUri(uri);
      if (!address || !may(address.kind, principal)) return undefined;
      if (!('id' in address)) return address;
      const isOthers = principal.role === 'device' && address.id !== principal.device_id;
      return !isOthers && devices.canSee(principal, address.id) ? address : undefined;
    },
  };
}

type ResourceMethod = 'resources/list' | 'resources/templates/list' | 'resources/read';

/** The devices and alarms as resources. */
export function createResources(deps: {
  access: ReturnType<typeof createResourceAccess>;
  devices: DeviceRegistry;
  dispatcher: Dispatcher;
}): Record<ResourceMethod, McpHandler> {
  const { access, devices, dispatcher } = deps;

  const whole = (principal: Principal): Resource[] => [
    ...(access.may('devices', principal)
      ? [
          {
            uri: devicesUri,
            name: 'devices',
            title: 'All devices',
            description: `The first ${devicesInPage} devices with state and place, and a cursor to more.`,
            mimeType,
          },
        ]
      : []),
    ...(access.may('alerts', principal)
      ? [
          {
            uri: alertsUri,
            name: 'alerts',
            title: 'Alarms',
            description: 'The alarms that are not cleared, newest first.',
            mimeType,
          },
        ]
      : []),
  ];

  /** One page of them; a device sees itself. */
  const page = (
    principal: Principal,
    cursor: string | undefined,
  ): { devices: { device_id: string; name: string }[]; cursor?: string } => {
    if (!access.may('device', principal)) return { devices: [] };
    if (principal.role !== 'device')
      return devices.seenBy(principal).list({
        limit: devicesInPage,
        ...(cursor !== undefined && { cursor }),
      });
    const own = principal.device_id;
    return { devices: own !== undefined && devices.ownerOf(own) ? [devices.get(own)] : [] };
  };

  const contentOf = (address: ResourceAddress, result: unknown): unknown => {
    if (!isObject(result)) return result;
    if (address.kind === 'device') {
      const { static_schema: _schema, sensors = [], untrusted, ...device } = result;
      const briefly = (sensors as Record<string, unknown>[]).map(
        ({ static_schema: _its, ...sensor }) => sensor,
      );
      const paths = (untrusted as string[]).filter((path) => !path.endsWith('static_schema'));
      return { ...device, sensors: briefly, untrusted: paths };
    }
    if (address.kind === 'schema') {
      const { device_id, schema_version, static_schema, measurements, commands } = result;
      const sensors = (result['sensors'] as Record<string, unknown>[]).map((sensor) => ({
        sensor_id: sensor['sensor_id'],
        template: sensor['template'],
        static_schema: sensor['static_schema'],
        measurements: sensor['measurements'],
        commands: sensor['commands'],
      }));
      const schema = { device_id, schema_version, static_schema, measurements, commands, sensors };
      const declared = ['static_schema', 'measurements', 'commands'];
      return markUntrusted(schema, [...declared, ...declared.map((name) => `sensors[].${name}`)]);
    }
    return result;
  };

  const paramsOf = (address: ResourceAddress): Record<string, unknown> => {
    if ('id' in address) return { device_id: address.id };
    if (address.kind === 'alerts') return {};
    const { cursor } = address;
    return { limit: devicesInPage, ...(cursor !== undefined && { cursor }) };
  };

  return {
    'resources/list'({ cursor }, { principal }) {
      const { after, listed } = readCursor(cursor);
      const found = page(principal, after);
      const next = listed + found.devices.length;
      const resources = [
        ...(cursor === undefined ? whole(principal) : []),
        ...found.devices.map(({ device_id: id, name }) => ({
          uri: deviceUri(id),
          name: id,
          title: name,
          description: 'A device; its readings and schema are under /telemetry and /schema.',
          mimeType,
          _meta: { untrusted: ['title'] },
        })),
      ];
      return Promise.resolve({
        resources,
        ...(found.cursor !== undefined &&
          next < mostListed && { nextCursor: `${next}~${found.cursor}` }),
      });
    },

    'resources/templates/list': (_params, { principal }) =>
      Promise.resolve({
        resourceTemplates: templates
          .filter(({ kind }) => access.may(kind, principal))
          .map(({ kind: _kind, ...template }) => template),
      }),

    async 'resources/read'({ uri }, call: McpCall) {
      const address = access.find(uri, call.principal);
      if (!address) throw new ResourceNotFoundError(String(uri).slice(0, 512));
      const method = methodOf[address.kind];
      const result = await dispatcher.invoke(method, paramsOf(address), contextOf(call));
      const text = JSON.stringify(contentOf(address, result));
      return { contents: [{ uri, mimeType, text }] };
    },
  };
}

/** A cursor of the list: how many devices came before, and the registry's own cursor. @throws RpcError -32602 */
function readCursor(cursor: unknown): { listed: number; after?: string } {
  if (cursor === undefined) return { listed: 0 };
  const [, listed, after] = (typeof cursor === 'string' && /^(\d{1,6})~(.+)$/.exec(cursor)) || [];
  if (after === undefined)
    throw invalidParam('cursor', 'cursor must be one that an earlier answer gave');
  return { listed: Number(listed), after };
}
