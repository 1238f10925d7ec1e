import type { DeviceRegistry } from '../core/device/ports.ts';
import type { Emitter, HubEvents } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import { withoutProse } from '../core/schema/prose.ts';
import { narrowsDevices } from '../core/security/scope-rules.ts';
import type { CallHandler, JsonSchema, MethodDeclaration, MethodTable } from '../core/rpc/types.ts';

/** Devices that a description names at most. */
const mostNamed = 50;

/**
 * Declares every method that devices registered, and keeps the method table so while devices come and go. All of
 * them are served by one handler, with the roles and the timeout of `like`.
 */
export function serveDeviceMethods(
  deps: { methods: MethodTable; devices: DeviceRegistry; events: Emitter<HubEvents>; log: Log },
  like: MethodDeclaration,
  handler: CallHandler,
): () => void {
  const { methods, devices, events, log } = deps;
  const declared = new Map<string, { schema: string; withdraw: () => void }>();

  const sync = (): void => {
    const names = new Set(devices.methodNames());
    for (const [name, { withdraw }] of declared) {
      if (names.has(name)) continue;
      withdraw();
      declared.delete(name);
    }
    for (const name of names) {
      const declaration = declarationOf(like, devices, name);
      const schema = JSON.stringify([declaration.params, declaration.device]);
      const known = declared.get(name);
      if (known?.schema === schema) continue;
      known?.withdraw();
      declared.delete(name);
      try {
        declared.set(name, { schema, withdraw: methods.declare(declaration, handler) });
      } catch (error) {
        log.warn(`the device method ${name} is not offered: ${String(error)}`);
      }
    }
  };

  sync();
  const stop = events.on('methods_changed', sync);
  return () => {
    stop();
    for (const { withdraw } of declared.values()) withdraw();
  };
}

/** The method as it is to all; to who may know of some devices only it is what these offer. */
function declarationOf(
  like: MethodDeclaration,
  devices: DeviceRegistry,
  name: string,
): MethodDeclaration {
  const all: MethodDeclaration = {
    ...like,
    name,
    ...describe(devices, name),
    seenBy(principal) {
      if (!narrowsDevices(principal.scope)) return all;
      const seen = devices.seenBy(principal);
      if (seen.methodOwners(name).length === 0) return undefined;
      return { ...like, name, ...describe(seen, name) };
    },
  };
  return all;
}

/**
 * The hub's own words about a method, with the arguments as the devices declared them, less what they say there in words;
 * which device is meant may be left out when only one offers the method.
 */
function describe(
  devices: DeviceRegistry,
  name: string,
): Pick<MethodDeclaration, 'description' | 'params' | 'device'> {
  const owners = devices.methodOwners(name);
  const command = owners[0]?.commands.find((candidate) => candidate.name === name);
  const declared = withoutProse(command?.arguments ?? { type: 'object' }) as JsonSchema;
  const properties = (declared['properties'] ?? {}) as Record<string, unknown>;
  const required = (declared['required'] ?? []) as string[];
  const several = owners.length > 1;
  return {
    description: 'A method that devices registered; the device carries it out.',
    params: {
      ...declared,
      properties: {
        device_id: { type: 'string', description: 'Which device; needed when several offer this' },
        signature: {
          type: 'object',
          description: 'Needed for a critical command: { id, timestamp, signature }',
        },
        request_key: {
          type: 'string',
          minLength: 1,
          maxLength: 128,
          description: 'Repeated with the same arguments, it answers what the first call answered',
        },
        ...properties,
      },
      required: several ? ['device_id', ...required] : required,
    },
    device: {
      device_ids: owners.slice(0, mostNamed).map(({ device_id }) => device_id),
      ...(command?.description !== undefined && { description: command.description }),
    },
  };
}
