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
    findTargets(declaration.params, params, (id, place) => {
      if (isOwn(id, own)) return;
      const field = pathOf(place);
      throw new RpcError(
        ErrorCode.Unauthorized,
        `a device's key acts only for the device and its sensors, and ${field} is not one of them`,
        { field, device_id: own },
      );
    });
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
    findTargets(declaration.params, params, (id, place) => {
      if (typeof id === 'string') deps.requireSeen(principal, id, pathOf(place));
    });
    if (isForAdmins(declaration.roles))
      requireTarget(declaration, params, 'this key is for some devices only');
  };

  return (declaration, params, principal) => {
    deps.rate.take(principal);
    if (!mayCall(declaration, principal)) throw notAdmitted(declaration, principal);
    if (declaration.open) return;
    deps.rate.takeOf(principal, declaration);
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

/** Where a value is: the last step of its path, and what it is in. Spelt out only for an error. */
interface Place {
  within?: Place;
  step: string | number;
}

function pathOf({ within, step }: Place): string {
  if (!within) return String(step);
  return `${pathOf(within)}${typeof step === 'number' ? `[${step}]` : `.${step}`}`;
}

/** Told of each id. */
type Found = (id: unknown, place: Place) => void;

/**
 * Finds every id in the params: at the top whatever the schema says, further down where the schema declares it
 * (elsewhere a key of that name is the device's own data).
 */
function findTargets(schema: JsonSchema, params: Record<string, unknown>, found: Found): void {
  findIn(schema, params, targetFields, undefined, found);
}

function findIn(
  schema: JsonSchema,
  params: Record<string, unknown>,
  fields: Iterable<string>,
  within: Place | undefined,
  found: Found,
): void {
  const placeOf = (step: string): Place => (within ? { within, step } : { step });
  for (const field of fields) {
    if (!Object.hasOwn(params, field)) continue;
    const value = params[field];
    const place = placeOf(field);
    if (!Array.isArray(value)) found(value, place);
    else for (const [step, id] of value.entries()) found(id, { within: place, step });
  }
  for (const [name, inner] of placesIn(schema).inner)
    if (Object.hasOwn(params, name)) findNested(inner, params[name], placeOf(name), found);
}

function findNested(schema: JsonSchema, value: unknown, within: Place, found: Found): void {
  const { items } = schema;
  if (Array.isArray(value) && isObject(items)) {
    for (const [step, item] of value.entries()) findNested(items, item, { within, step }, found);
  } else if (isObject(value)) {
    findIn(schema, value, placesIn(schema).fields, within, found);
  }
}

/** Where ids may be in what a schema describes: fields that are ids, and properties that may hold some. */
interface Places {
  fields: readonly string[];
  inner: readonly (readonly [name: string, schema: JsonSchema])[];
}

const knownPlaces = new WeakMap<JsonSchema, Places>();

function placesIn(schema: JsonSchema): Places {
  const known = knownPlaces.get(schema);
  if (known) return known;
  const { properties } = schema;
  const declared = Object.entries(isObject(properties) ? properties : {});
  const places: Places = {
    fields: declared.map(([name]) => name).filter((name) => targetFields.has(name)),
    inner: declared.flatMap(([name, inner]) =>
      !targetFields.has(name) && isObject(inner) ? [[name, inner] as const] : [],
    ),
  };
  knownPlaces.set(schema, places);
  return places;
}
