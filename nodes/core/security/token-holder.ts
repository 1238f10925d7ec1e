import { isObject, type JsonObject } from '../document.ts';
import { RpcError } from '../rpc/errors.ts';
import { cleanText } from '../text.ts';
import type { Principal, Role, Scope } from './types.ts';

/** What the claims of an access token mean. */
export interface TokenRules {
  /** Where the roles are: the name of a claim, or a path such as `realm_access.roles`; a text is split at its blanks. */
  roleClaim: string;
  /** What a value of that claim makes of its holder; of several the one that stands first here. */
  roles: readonly (readonly [value: string, role: Role])[];
  /** Narrows what the holder may do; a token without it is narrowed by its role alone. */
  scopeClaim: string;
  /** Where the id of a device is; without it no token speaks for a device. */
  deviceIdClaim?: string;
  /** Seconds after its end for which a token is still taken. */
  toleranceSeconds: number;
}

export type TokenHolder = { principal: Principal } | { refused: string };

const longestName = 256;
const nameClaims = ['name', 'preferred_username', 'client_id', 'azp', 'sub'];
/** Last second that a date can tell. */
const lastSecond = 8_640_000_000_000;

/**
 * Says who the holder of a verified access token is and what the holder may do. Whoever has no role that is mapped is
 * refused, and so is whoever is narrowed by something that cannot be read.
 * @param deps.readScope throws RpcError for what is no scope
 */
export function createTokenHolder(deps: {
  rules: TokenRules;
  hash: (text: string) => string;
  hasDevice: (id: string) => boolean;
  readScope: (value: unknown) => Scope;
}): (claims: JsonObject) => TokenHolder {
  const { rules, hash, hasDevice, readScope } = deps;

  const deviceOf = (claims: JsonObject): string | undefined => {
    const id = rules.deviceIdClaim === undefined ? undefined : claimAt(claims, rules.deviceIdClaim);
    return typeof id === 'string' && hasDevice(id) ? id : undefined;
  };

  return (claims) => {
    const values = wordsOf(claimAt(claims, rules.roleClaim));
    const role = rules.roles.find(([value]) => values.includes(value))?.[1];
    if (role === undefined) return { refused: 'the token has none of the roles that are mapped' };
    const end = (Number(claims['exp']) + rules.toleranceSeconds) * 1000;
    if (!(end <= lastSecond * 1000)) return { refused: 'the token never ends' };

    const principal: Principal = {
      id: `token:${hash(JSON.stringify([claims['iss'], claims['sub']])).slice(0, 32)}`,
      role,
      name: nameOf(claims),
      means: 'token',
      expires_at: new Date(end).toISOString(),
    };
    if (role === 'device') {
      const deviceId = deviceOf(claims);
      if (deviceId === undefined) return { refused: 'the token speaks for no device of this hub' };
      principal.device_id = deviceId;
    }
    const scope = claimAt(claims, rules.scopeClaim);
    if (scope === undefined) return { principal };
    try {
      return { principal: { ...principal, scope: readScope(scope) } };
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return { refused: `the token's ${rules.scopeClaim} cannot be read: ${error.reason}` };
    }
  };
}

/** The claim of this name, else what is at this path of names with dots between. */
function claimAt(claims: JsonObject, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let found: unknown = claims;
  for (const name of path.split('.')) {
    if (!isObject(found) || !Object.hasOwn(found, name)) return undefined;
    found = found[name];
  }
  return found;
}

function wordsOf(value: unknown): unknown[] {
  if (typeof value === 'string') return value.split(' ');
  return Array.isArray(value) ? value : [];
}

/** For people who read what happened. */
function nameOf(claims: JsonObject): string {
  for (const claim of nameClaims) {
    const name = Object.hasOwn(claims, claim) ? cleanText(claims[claim], longestName) : '';
    if (name !== '') return name;
  }
  return '';
}
