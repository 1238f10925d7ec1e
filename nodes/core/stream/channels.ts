import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { nearest } from '../rpc/suggest.ts';
import { channelKinds, methodsChannel } from './types.ts';

/** A channel pattern taken apart; `*` stands for any id or kind. The channel of the hub itself has the id ''. */
export interface ChannelPattern {
  id: string;
  kind: string;
}

const grammar = /^device\.([\w-]{1,64}|\*)\.([a-z]{1,32}|\*)$/;
const kinds: readonly string[] = channelKinds;

/** No device has an empty id, so no pattern of devices matches it. */
export const ofHub: ChannelPattern = { id: '', kind: 'methods' };

/**
 * Takes `device.{id}.{kind}` apart, where either may be `*`; `*` alone is every channel of a device. `hub.methods` is
 * the hub's own.
 * @throws RpcError -32602 with what is allowed
 */
export function parsePattern(channel: unknown, field: string): ChannelPattern {
  if (channel === '*') return { id: '*', kind: '*' };
  if (channel === methodsChannel) return ofHub;
  const [, id, kind] = typeof channel === 'string' ? (grammar.exec(channel) ?? []) : [];
  if (id === undefined || kind === undefined) {
    throw new RpcError(
      ErrorCode.InvalidParams,
      `${field} must be device.{id}.{kind}, where either may be *, or * alone, or ${methodsChannel}`,
      { field, allowed: [...kinds.map((name) => `device.{id}.${name}`), methodsChannel] },
    );
  }
  if (kind !== '*' && !kinds.includes(kind)) {
    const meant = nearest(kind, kinds);
    throw new RpcError(ErrorCode.InvalidParams, `${field} has no channel of the kind ${kind}`, {
      field,
      allowed: [...kinds, '*'],
      ...(meant === undefined ? {} : { nearest: `device.${id}.${meant}` }),
    });
  }
  return { id, kind };
}

/** The pattern as the key of an index: each channel has four keys that can match it. */
export function patternKey(id: string, kind: string): string {
  return `${id}.${kind}`;
}

/** The keys of every pattern that matches one channel; `named` leaves out those with `*` for the id. */
export function matchingKeys(id: string, kind: string, named = false): string[] {
  const naming = [patternKey(id, kind), patternKey(id, '*')];
  return named ? naming : [...naming, patternKey('*', kind), patternKey('*', '*')];
}
