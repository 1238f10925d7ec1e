import { isObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { JsonSchema, MethodDeclaration } from '../rpc/types.ts';
import type { CallRate } from './call-rate.ts';
import {
  admits,
  isForAdmins,
  narrowsDevices,
  objectionTo,
  targetFields,
  targetsOf,
} from './scope-rules.ts';
import type { OwnerOf } from './topic-acl.ts';
import type { Principal } from './types.ts';

/** The one method a registration key may call; a device may call it before it has an id to show. */
const registration = 'device.register';

/** Ends quietly if the call is allowed. @throws RpcError -32005 */
export type Authorize = (
  declaration: MethodDeclaration,
  params: Record<string, unknown>,
  principal: Principal,
) => void;

/** Whether a principal's role and scope admit it to a method at all, whatever the params. */
export function mayCall(declaration: MethodDeclaration, principal: Principal | undefined): boolean {
  if (declaration.open) return true;
  if (!principal) return false;
  return (
    roleAdmits(declaration, principal) && objectionTo(declaration, principal.scope) === undefined
  );
}

/** Metrics count all devices, so they go neither to devices nor to who is for some of them only. */
export function maySeeMetrics({ registration, role, scope }: Principal): boolean {
  return (
    !registration &&
    role !== 'device' &&
    !narrowsDevices(scope) &&
    admits(scope?.methods, 'hub.info')
  );
}

function roleAdmits({ name, roles }: MethodDeclaration, principal: Principal): boolean {
  if (principal.registration) return name === registration;
  return principal.role === 'llm_admin' || roles.includes(principal.role);
}

/**
 * Who may call what (specification section 6.2). `llm_admin` may call everything, a registration key only
 * `device.register`, everybody else what the declaration's roles say. A device's own key acts only for
 * itself: wherever the method's schema has a device, MCU or sensor id, the call must name the
 * device itself or a sensor of its own. A scope takes away from that: methods, devices, calls per minute.
 * @param deps.requireSeen ends quietly if the principal may know of this device or sensor, else it throws what there is
 *   to say of an id that does not exist
 */
export function createAuthorizer(deps: {
  ownerOf: OwnerOf;
  requireSeen: (principal: Principal, id: string, field: string) => void;
  rate: CallRate;
}): Authorize {
  const isOwn = (id: unknown, deviceId: string): boolean =>
    typeof id === 'string' && (id === deviceId || deps.ownerOf(id) === deviceId);

  const requireOwn = (
    declaration: MethodDeclaration,
    params: Record<string, unknown>,
    own: string | undefined,
  ): void => {
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
    if (declaration.name !== registration)
      requireTarget(declaration, params, "a device's key acts only for the device itself", own);
  };

  const requireInScope = (
    declaration: MethodDeclaration,
    params: Record<string, unknown>,
    principal: Principal,
  ): void => {
    // Which device a registration means is for the registry to say.
    if (!narrowsDevices(principal.scope) || declaration.name === registration) return;
    for (const [field, id] of targets(declaration.params, params, true))
      if (typeof id === 'string') deps.requireSeen(principal, id, field);
    if (isForAdmins(declaration.roles))
      requireTarget(declaration, params, 'this key is for some devices only');
  };

  return (declaration, params, principal) => {
    deps.rate.take(principal);
    if (!mayCall(declaration, principal)) throw notAdmitted(declaration, principal);
    if (declaration.open) return;
    if (principal.role === 'device' && !principal.registration)
      requireOwn(declaration, params, principal.device_id);
    requireInScope(declaration, params, principal);
  };
}

function notAdmitted(declaration: MethodDeclaration, principal: Principal): RpcError {
  if (roleAdmits(declaration, principal)) return outOfScope(declaration, principal);
  const reason = principal.registration
    ? `a registration key may only call ${registration}`
    : `the role ${principal.role} may not call ${declaration.name}`;
  return new RpcError(ErrorCode.Unauthorized, reason, {
    method: declaration.name,
    role: principal.role,
    allowed_roles: [...new Set([...declaration.roles, 'llm_admin'])],
  });
}

function outOfScope(declaration: MethodDeclaration, { scope }: Principal): RpcError {
  return new RpcError(
    ErrorCode.Unauthorized,
    objectionTo(declaration, scope) ?? 'the scope of this key does not take this in',
    {
      method: declaration.name,
      ...(scope?.methods && { allowed_methods: scope.methods }),
    },
  );
}

/** Without a target a call would be about all devices. */
function requireTarget(
  declaration: MethodDeclaration,
  params: Record<string, unknown>,
  why: string,
  own?: string,
): void {
  const known = targetsOf(declaration.params);
  if (known.length === 0 || known.some((name) => params[name] !== undefined)) return;
  throw new RpcError(ErrorCode.Unauthorized, `${why}: give ${known.join(' or ')}`, {
    field: known[0],
    ...(own !== undefined && { device_id: own }),
  });
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
