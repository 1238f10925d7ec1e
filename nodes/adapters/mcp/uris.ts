/** What a resource of the hub is about. */
export type ResourceAddress =
  | { kind: 'devices'; cursor?: string }
  | { kind: 'alerts' }
  | { kind: 'device' | 'telemetry' | 'schema'; id: string };

const longestUri = 512;
const ofDevice = /^iot:\/\/devices\/([^/?#]+)(?:\/(telemetry|schema))?$/;
const ofDevices = /^iot:\/\/devices(?:\?cursor=([^&#]+))?$/;

export const devicesUri = 'iot://devices';
export const alertsUri = 'iot://alerts';
export const deviceUri = (id: string, part?: 'telemetry' | 'schema'): string =>
  `${devicesUri}/${encodeURIComponent(id)}${part === undefined ? '' : `/${part}`}`;

/** Takes the URI of a resource apart; undefined when the hub has none of this form. */
export function parseUri(uri: unknown): ResourceAddress | undefined {
  if (typeof uri !== 'string' || uri.length > longestUri) return undefined;
  if (uri === alertsUri) return { kind: 'alerts' };
  try {
    const [all, cursor] = ofDevices.exec(uri) ?? [];
    if (all !== undefined)
      return {
        kind: 'devices',
        ...(cursor !== undefined && { cursor: decodeURIComponent(cursor) }),
      };
    const [, id, part] = ofDevice.exec(uri) ?? [];
    if (id === undefined) return undefined;
    const kind = part === 'telemetry' || part === 'schema' ? part : 'device';
    return { kind, id: decodeURIComponent(id) };
  } catch {
    return undefined; // a broken escape
  }
}
