import { isLoopback, isSafeUrl } from '../adapters/oauth/fetch-document.ts';
import type { Issuer } from '../adapters/oauth/issuer-keys.ts';
import { roles as allRoles, type Role } from '../core/security/types.ts';

/** Whose access tokens a hub takes, and what they mean. */
export interface OAuthSettings {
  /** At least one. */
  issuers: Issuer[];
  /** The names by which tokens mean this hub. */
  audiences: string[];
  /** Where clients reach the hub, without a slash at the end, such as `https://hub.example`. */
  publicUrl: string;
  algorithms: string[];
  /** Takes tokens of the type JWT too. */
  anyType: boolean;
  toleranceSeconds: number;
  roleClaim: string;
  /** The first that fits counts. */
  roles: [value: string, role: Role][];
  scopeClaim: string;
  deviceIdClaim?: string;
}

/** The fields of the hub's form; flows from before there was OAuth have none. */
export interface OAuthFields {
  oauthIssuers?: string;
  oauthAudience?: string;
  oauthPublicUrl?: string;
  oauthRoleClaim?: string;
  oauthRoles?: string;
  oauthAlgorithms?: string;
  oauthTokenTypes?: string;
  oauthTolerance?: string | number;
  oauthDeviceClaim?: string;
}

/** Where the hub is, as far as it knows itself. */
export interface OAuthPlace {
  baseUrl: string;
  rpcPath: string;
  wsPath: string;
  /** Empty without MCP. */
  mcpPath?: string;
}

const variables: Record<keyof OAuthFields, string> = {
  oauthIssuers: 'LLM_IOT_OAUTH_ISSUERS',
  oauthAudience: 'LLM_IOT_OAUTH_AUDIENCE',
  oauthPublicUrl: 'LLM_IOT_OAUTH_PUBLIC_URL',
  oauthRoleClaim: 'LLM_IOT_OAUTH_ROLE_CLAIM',
  oauthRoles: 'LLM_IOT_OAUTH_ROLES',
  oauthAlgorithms: 'LLM_IOT_OAUTH_ALGORITHMS',
  oauthTokenTypes: 'LLM_IOT_OAUTH_TOKEN_TYPES',
  oauthTolerance: 'LLM_IOT_OAUTH_TOLERANCE',
  oauthDeviceClaim: 'LLM_IOT_OAUTH_DEVICE_CLAIM',
};

/** JWS algorithms with a public key. Those with a shared secret would let anybody who verifies tokens make them. */
const knownAlgorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
const defaultAlgorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
const defaultRoles = ['llm_admin', 'llm_write', 'llm_read', 'user_operator', 'user_viewer'];
const defaultTolerance = 30;
const maxTolerance = 120;

/**
 * The settings of OAuth from the hub's form, where it is blank from the environment; undefined when no issuer is given.
 * @param place where the hub is when nobody says how it is reached from outside
 * @throws Error that says which field is wrong, and how
 */
export function oauthSettingsFrom(
  fields: OAuthFields,
  env: Record<string, string | undefined>,
  place: OAuthPlace,
): OAuthSettings | undefined {
  const text = (name: keyof OAuthFields): string =>
    (String(fields[name] ?? '') || env[variables[name]] || '').trim();
  const issuers = entriesOf(text('oauthIssuers')).map(readIssuer);
  if (issuers.length === 0) return undefined;
  const names = issuers.map(({ issuer }) => issuer);
  if (new Set(names).size < names.length) throw wrong('an issuer stands twice');

  const publicUrl = readPublicUrl(text('oauthPublicUrl') || place.baseUrl);
  const audiences = entriesOf(text('oauthAudience'));
  const deviceIdClaim = text('oauthDeviceClaim');
  const roles = entriesOf(text('oauthRoles')).map(readRole);
  if (roles.some(([, role]) => role === 'device') && deviceIdClaim === '') {
    throw wrong('tokens of the role device need a claim with the id of the device');
  }
  return {
    issuers,
    audiences: audiences.length > 0 ? audiences : resourcesOf(publicUrl, place),
    publicUrl,
    algorithms: readAlgorithms(text('oauthAlgorithms')),
    anyType: readTypes(text('oauthTokenTypes')),
    toleranceSeconds: readTolerance(text('oauthTolerance')),
    roleClaim: text('oauthRoleClaim') || 'llm_iot_role',
    roles: roles.length > 0 ? roles : defaultRoles.map((role) => [role, role as Role]),
    scopeClaim: 'llm_iot_scope',
    ...(deviceIdClaim === '' ? {} : { deviceIdClaim }),
  };
}

/** What this hub is called by clients that name it by where it is. */
function resourcesOf(publicUrl: string, { rpcPath, wsPath, mcpPath }: OAuthPlace): string[] {
  const paths = [rpcPath, wsPath, ...(mcpPath ? [mcpPath] : [])];
  return [publicUrl, `${publicUrl}/`, ...paths.map((path) => publicUrl + path)];
}

const wrong = (reason: string): Error => new Error(`OAuth: ${reason}`);

/** Parts between commas or on lines of their own. */
function entriesOf(text: string): string[] {
  return text
    .split(/[\n,]/)
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '');
}

function readIssuer(entry: string): Issuer {
  const [issuer = '', jwksUri, ...more] = entry.split(/\s+/);
  if (more.length > 0) throw wrong(`"${entry}" is more than an issuer and the address of its keys`);
  for (const url of jwksUri === undefined ? [issuer] : [issuer, jwksUri]) {
    if (!isSafeUrl(url)) {
      throw wrong(`"${url}" must begin with https (on this machine http is enough)`);
    }
  }
  if (/[?#]/.test(issuer)) throw wrong(`the issuer "${issuer}" may have no ? and no #`);
  return jwksUri === undefined ? { issuer } : { issuer, jwksUri };
}

function readPublicUrl(text: string): string {
  const fits = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  if (!fits || /[?#"\\\s]/.test(text)) {
    throw wrong(`the public address "${text}" must be like https://hub.example`);
  }
  const url = new URL(text);
  if (url.protocol === 'http:' && !isLoopback(url)) {
    throw wrong(`the public address "${text}" must begin with https: tokens must not be overheard`);
  }
  return url.href.replace(/\/+$/, '');
}

function readAlgorithms(text: string): string[] {
  const algorithms = entriesOf(text);
  const unknown = algorithms.find((algorithm) => !knownAlgorithms.includes(algorithm));
  if (unknown !== undefined) {
    throw wrong(`the algorithm "${unknown}" is none of ${knownAlgorithms.join(', ')}`);
  }
  return algorithms.length > 0 ? algorithms : defaultAlgorithms;
}

function readTypes(text: string): boolean {
  if (text === '' || text === 'at+jwt') return false;
  if (text === 'jwt') return true;
  throw wrong(`the type of tokens is at+jwt or jwt, not "${text}"`);
}

function readTolerance(text: string): number {
  const seconds = text === '' ? defaultTolerance : Number(text);
  if (Number.isInteger(seconds) && seconds >= 0 && seconds <= maxTolerance) return seconds;
  throw wrong(`the tolerance is a whole number of seconds from 0 to ${maxTolerance}`);
}

function readRole(entry: string): [string, Role] {
  const at = entry.lastIndexOf('=');
  const value = entry.slice(0, Math.max(at, 0)).trim();
  const role = allRoles.find((known) => known === entry.slice(at + 1).trim());
  if (value !== '' && role !== undefined) return [value, role];
  throw wrong(`"${entry}" must be like engineers=llm_write; there are ${allRoles.join(', ')}`);
}
