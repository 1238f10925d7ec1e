import { isObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { JsonSchema, MethodDeclaration, MethodTable } from '../rpc/types.ts';
import { targetsOf } from '../security/scope-rules.ts';
import type { Principal } from '../security/types.ts';
import { withoutRefs } from './plain-schema.ts';

/** A document has at most so many methods: devices register as many as they like. */
export const mostMethods = 1_000;

type ErrorName = keyof typeof ErrorCode;

const errorsOfAll: readonly ErrorName[] = [
  ...(['InvalidParams', 'InternalError', 'CommunicationTimeout'] as const),
  ...(['Unauthorized', 'ResourceExhausted'] as const),
];
const errorsOfDevices: readonly ErrorName[] = ['DeviceNotFound', 'SchemaValidationFailed'];
const errorsOfCommands: readonly ErrorName[] = ['DeviceOffline', 'DeviceBusy', 'HardwareError'];

/** An OpenRPC document (1.3.2). */
export interface OpenRpcDocument {
  openrpc: '1.3.2';
  info: { title: string; version: string; description: string };
  servers: { name: string; url: string }[];
  methods: object[];
  components: { errors: Record<string, object> };
  [extension: `x-${string}`]: unknown;
}

/**
 * What somebody may call, as OpenRPC. What a schema of params says beyond its properties is in `x-params-schema`; what
 * was made up by devices is named in `x-untrusted`.
 * @param hub.url where JSON-RPC is taken over HTTP, as far as the hub knows itself
 */
export function describeOpenRpc(
  methods: Pick<MethodTable, 'list'>,
  principal: Principal | undefined,
  hub: { version: string; url: string },
): OpenRpcDocument {
  const all = methods.list(principal);
  const shown = all.slice(0, mostMethods);
  const names = new Set(shown.flatMap(errorsOf));
  return {
    openrpc: '1.3.2',
    info: {
      title: 'LLM-IoT hub',
      version: hub.version,
      description:
        'Devices, sensors and actuators of a building or site: find, read and command them. ' +
        'Only what you may call is here.',
    },
    servers: [{ name: 'http', url: hub.url }],
    methods: shown.map(methodOf),
    components: { errors: Object.fromEntries([...names].sort().map(errorEntry)) },
    ...(all.length > shown.length && {
      'x-truncated': { reason: 'too many methods', shown: shown.length, total: all.length },
    }),
  };
}

/** The errors a method can end with, by name. */
function errorsOf({ params, readOnly, device }: MethodDeclaration): ErrorName[] {
  const aboutDevices = device !== undefined || targetsOf(params).length > 0;
  return [
    ...errorsOfAll,
    ...(aboutDevices ? errorsOfDevices : []),
    ...(aboutDevices && !readOnly ? errorsOfCommands : []),
  ];
}

function errorEntry(name: ErrorName): [string, object] {
  const code = ErrorCode[name];
  const { message } = new RpcError(code, '').toObject();
  return [name, { code, message }];
}

function methodOf(declaration: MethodDeclaration): object {
  const { name, description, title, readOnly, destructive, idempotent, device } = declaration;
  return {
    name,
    ...(title !== undefined && { summary: title }),
    description,
    tags: tagsOf(declaration).map((tag) => ({ name: tag })),
    paramStructure: 'by-name',
    params: paramsOf(declaration.params),
    result: { name: 'result', schema: withoutRefs(declaration.result ?? {}) },
    errors: errorsOf(declaration).map((error) => ({ $ref: `#/components/errors/${error}` })),
    ...examplesOf(declaration),
    ...beyondProperties(declaration.params),
    'x-roles': declaration.open ? 'anybody' : declaration.roles,
    'x-read-only': readOnly,
    'x-destructive': destructive,
    ...(idempotent && { 'x-idempotent': true }),
    'x-timeout-ms': declaration.timeoutMs,
    ...(device && { 'x-device-ids': device.device_ids, 'x-untrusted': ['name', 'params'] }),
  };
}

const tagsOf = ({ name, readOnly, destructive, tool, device }: MethodDeclaration): string[] => [
  ...(name.includes('.') && !device ? [name.split('.', 1)[0] ?? name] : []),
  readOnly ? 'reads' : 'changes',
  ...(destructive ? ['destructive'] : []),
  ...(tool ? ['tool'] : []),
  ...(device ? ['of devices'] : []),
];

/** One content descriptor for each property, the required ones first. */
function paramsOf(params: JsonSchema): object[] {
  const { properties, required } = withoutRefs(params);
  const needed = new Set(Array.isArray(required) ? (required as unknown[]) : []);
  return Object.entries(isObject(properties) ? properties : {})
    .map(([name, schema]) => ({
      name,
      ...(isObject(schema) && typeof schema['description'] === 'string'
        ? { description: schema['description'] }
        : {}),
      required: needed.has(name),
      schema,
    }))
    .sort((a, b) => Number(b.required) - Number(a.required));
}

const saidByParams = new Set(['type', 'properties', 'required', 'description', 'examples']);

/** The whole schema, where the list of params says less. */
function beyondProperties(params: JsonSchema): object {
  const whole = withoutRefs(params);
  const says = Object.entries(whole).some(
    ([keyword, value]) =>
      !saidByParams.has(keyword) && !(keyword === 'additionalProperties' && value === false),
  );
  const open = whole['additionalProperties'] !== false && !isObject(whole['properties']);
  return says || open ? { 'x-params-schema': whole } : {};
}

/** Examples that stand in the schema of the params, each with the example of the result in the same place. */
function examplesOf({ params, result }: MethodDeclaration): object {
  const { examples } = params;
  if (!Array.isArray(examples)) return {};
  const results: unknown = result?.['examples'];
  const pairs = (examples as unknown[]).filter(isObject).map((example, place) => {
    const told: unknown = Array.isArray(results) ? results[place] : undefined;
    return {
      name: `example ${place + 1}`,
      params: Object.entries(example).map(([name, value]) => ({ name, value })),
      ...(told !== undefined && { result: { name: 'result', value: told } }),
    };
  });
  return pairs.length === 0 ? {} : { examples: pairs };
}
