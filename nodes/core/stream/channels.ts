import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { nearest } from '../rpc/suggest.ts';
import { channelKinds } from './types.ts';

/** A channel pattern taken apart; `*` stands for any id or kind. */
export interface ChannelPattern {
  id: string;
  kind: string;
}

const grammar = /^device\.([\w-]{1,64}|\*)\.([a-z]{1,32}|\*)$/;
const kinds: readonly string[] = channelKinds;

/**
 * Takes `device.{id}.{kind}` apart, where either may be `*`; `*` alone is every channel.
 * @throws RpcError -32602 with what is allowed
 */
export function parsePattern(channel: unknown, field: string): ChannelPattern {
  if (channel === '*') return { id: '*', kind: '*' };
  const [, id, kind] = typeof channel === 'string' ? (grammar.exec(channel) ?? []) : [];
  if (id === undefined || kind === undefined) {
    throw new RpcError(
      ErrorCode.InvalidParams,
      `${field} must be device.{id}.{kind}, where either may be *, or * alone`,
      { field, allowed: kinds.map((name) => `device.{id}.${name}`) },
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
