import { isObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { JsonSchema, MethodDeclaration } from '../rpc/types.ts';
import type { OwnerOf } from './topic-acl.ts';
import type { Principal } from './types.ts';

/** Params that say which device or sensor a call is about. */
const targetFields = new Set(['device_id', 'mcu_id', 'sensor_id', 'device_ids']);
/** The one method a registration key may call; a device may call it before it has an id to show. */
const registration = 'device.register';

/** Ends quietly if the call is allowed. @throws RpcError -32005 */
export type Authorize = (
  declaration: MethodDeclaration,
  params: Record<string, unknown>,
  principal: Principal,
) => void;

/** Whether a principal's role admits it to a method at all, whatever the params. */
export function mayCall(declaration: MethodDeclaration, principal: Principal | undefined): boolean {
  if (declaration.open) return true;
  if (!principal) return false;
  if (principal.registration) return declaration.name === registration;
  return principal.role === 'llm_admin' || declaration.roles.includes(principal.role);
}

/**
 * Who may call what (specification section 6.2). `llm_admin` may call everything, a registration key only
 * `device.register`, everybody else what the declaration's roles say. A device's own key acts only for
 * itself: wherever the method's schema has a device, MCU or sensor id, the call must name the
 * device itself or a sensor of its own.
 */
export function createAuthorizer(deps: { ownerOf: OwnerOf }): Authorize {
  const isOwn = (id: unknown, deviceId: string): boolean =>
    typeof id === 'string' && (id === deviceId || deps.ownerOf(id) === deviceId);

  return (declaration, params, principal) => {
    if (!mayCall(declaration, principal)) throw notAdmitted(declaration, principal);
    if (declaration.open || principal.registration || principal.role !== 'device') return;
    const own = principal.device_id;
    if (own === undefined) {
      throw new RpcError(ErrorCode.Unauthorized, 'this device key belongs to no device');
    }
    for (const [field, id] of targets(declaration.params, params, true)) {
      if (!isOwn(id, own)) {
        throw new RpcError(
          ErrorCode.Unauthorized,
          `a device's key acts only for the device and its sensors, and ${field} is not one of them`,
          { field, device_id: own },
        );
      }
    }
    if (declaration.name !== registration) requireTarget(declaration, params, own);
  };
}

function notAdmitted(declaration: MethodDeclaration, principal: Principal): RpcError {
  const reason = principal.registration
    ? `a registration key may only call ${registration}`
    : `the role ${principal.role} may not call ${declaration.name}`;
  return new RpcError(ErrorCode.Unauthorized, reason, {
    method: declaration.name,
    role: principal.role,
    allowed_roles: [...new Set([...declaration.roles, 'llm_admin'])],
  });
}

/** Without a target a call would be about all devices. */
function requireTarget(
  declaration: MethodDeclaration,
  params: Record<string, unknown>,
  own: string,
): void {
  const known = Object.keys(propertiesOf(declaration.params)).filter((name) =>
    targetFields.has(name),
  );
  if (known.length === 0 || known.some((name) => params[name] !== undefined)) return;
  throw new RpcError(
    ErrorCode.Unauthorized,
    `a device's key acts only for the device itself: give ${known.join(' or ')}`,
    { field: known[0], device_id: own },
  );
}

/**
 * Every id in the params: at the top whatever the schema says, further down where the schema declares it
 * (elsewhere a key of that name is the device's own data).
 */
function* targets(
  schema: JsonSchema,
  params: Record<string, unknown>,
  top: boolean,
  at = '',
): Generator<[field: string, id: unknown]> {
  const properties = propertiesOf(schema);
  for (const [name, value] of Object.entries(params)) {
    const declared = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (targetFields.has(name) && (top || declared !== undefined)) {
      if (Array.isArray(value)) {
        for (const [index, id] of value.entries()) yield [`${at}${name}[${index}]`, id];
      } else yield [`${at}${name}`, value];
    } else if (isObject(declared)) {
      yield* nested(declared, value, `${at}${name}`);
    }
  }
}

function* nested(
  schema: JsonSchema,
  value: unknown,
  at: string,
): Generator<[field: string, id: unknown]> {
  const { items } = schema;
  if (Array.isArray(value) && isObject(items)) {
    for (const [index, item] of value.entries()) yield* nested(items, item, `${at}[${index}]`);
  } else if (isObject(value)) {
    yield* targets(schema, value, false, `${at}.`);
  }
}

function propertiesOf(schema: JsonSchema): Record<string, unknown> {
  const { properties } = schema;
  return isObject(properties) ? properties : {};
}
