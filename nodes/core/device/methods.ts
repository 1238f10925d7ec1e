import type { Clock } from '../clock.ts';
import { cleanDocument, isObject, jsonSize, type JsonObject } from '../document.ts';
import type { Emitter, HubEvents } from '../events.ts';
import { invalidParam, optionalBoolean, optionalNumber, requiredString } from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { JsonSchema } from '../rpc/types.ts';
import { toArgumentsSchema } from '../schema/arguments.ts';
import { compileSchema } from '../schema/validator.ts';
import { cleanParam } from './describe.ts';
import type { MethodRegistration } from './ports.ts';
import { methodsOf, type DeviceStore } from './store.ts';
import type { CommandDeclaration, DeviceRecord } from './types.ts';

const mostMethods = 64;
const largestSchema = 16 * 1_024;
const longestName = 128;
const longestDescription = 512;

/** Params of every call of a method. */
const reserved = {
  device_id: 'says which device a method is called on',
  signature: 'is the signature of a call',
};

/** What a method may be called: lower case, with a namespace. */
const methodName = /^[a-z0-9_]+(\.[a-z0-9_]+)+$/;
/** Namespaces of the protocol itself. */
const ownNamespaces = [
  'device',
  'sensor',
  'telemetry',
  'data',
  'schema',
  'alert',
  'hub',
  'rpc',
  'stream',
];

/** `DeviceRegistry.registerMethod`, the device already looked up. */
export function createMethodRegistration(deps: {
  store: DeviceStore;
  clock: Clock;
  events: Emitter<HubEvents>;
}): (device: DeviceRecord, params: JsonObject) => Promise<MethodRegistration> {
  const { store, clock, events } = deps;

  return async ({ device_id }, params) => {
    const method = declarationOf(params);
    const changed = await store.change(device_id, (current) => {
      if (!methodsOf(current).includes(method.name) && methodsOf(current).length >= mostMethods)
        throw new RpcError(
          ErrorCode.ResourceExhausted,
          `a device may register ${mostMethods} methods at most`,
          { limit: mostMethods },
        );
      const before = current.commands.find((command) => command.name === method.name);
      if (JSON.stringify(before) === JSON.stringify(method)) return current;
      const others = current.commands.filter((command) => command !== before);
      return { ...current, commands: [...others, method] };
    });
    if (!changed)
      throw new RpcError(ErrorCode.DeviceNotFound, 'this device was removed', { device_id });
    events.emit('methods_changed', { device: changed });
    return {
      device_id,
      method_name: method.name,
      registered_at: new Date(clock.now()).toISOString(),
    };
  };
}

function declarationOf(params: JsonObject): CommandDeclaration {
  const name = requiredString(params, 'method_name');
  checkName(name);
  const schema = argumentsOf(params['schema'] ?? undefined);
  const description = cleanParam(params, 'description', longestDescription);
  const timeout = optionalNumber(params, 'timeout_ms', { min: 100, max: 300_000 });
  const critical = optionalBoolean(params, 'critical');
  const destructive = optionalBoolean(params, 'destructive');
  return {
    name,
    ...(description !== undefined && { description }),
    ...(schema && { arguments: schema }),
    ...(timeout !== undefined && { timeout_ms: timeout }),
    ...(critical !== undefined && { critical }),
    ...(destructive !== undefined && { destructive }),
    method: true,
  };
}

function checkName(name: string): void {
  if (name.length > longestName || !methodName.test(name))
    throw invalidParam(
      'method_name',
      'a method name is lower case with a namespace, such as greenhouse.adjust_irrigation ' +
        `(letters a to z, digits, _ and dots between; at most ${longestName})`,
    );
  const namespace = name.slice(0, name.indexOf('.'));
  if (ownNamespaces.includes(namespace))
    throw invalidParam(
      'method_name',
      `the namespace ${namespace} is the hub's own; choose another`,
      {
        taken: ownNamespaces,
      },
    );
}

/** The JSON Schema of the arguments, from `{ arguments: shorthand or schema }` or a schema by itself. */
function argumentsOf(schema: unknown): JsonSchema | undefined {
  if (schema === undefined) return undefined;
  if (!isObject(schema)) throw invalidParam('schema', 'schema must be an object');
  if (jsonSize(schema) > largestSchema)
    throw new RpcError(
      ErrorCode.ResourceExhausted,
      `schema may have ${largestSchema} bytes at most`,
      { field: 'schema', limit: largestSchema },
    );
  const { arguments: declared = schema } = cleanDocument(schema);
  const result = toArgumentsSchema(declared, 'schema.arguments');
  for (const [name, why] of Object.entries(reserved))
    if (isObject(result['properties']) && Object.hasOwn(result['properties'], name))
      throw invalidParam(`schema.arguments.${name}`, `${name} ${why} and cannot be an argument`);
  compileSchema(result);
  return result;
}
