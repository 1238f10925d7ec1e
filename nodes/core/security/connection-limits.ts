import type { LimitSettings } from './limit-settings.ts';
import { networkOf } from './network.ts';
import type { OpenQuota } from './quota.ts';
import type { RefusalCause, Refusals } from './refusals.ts';
import type { Principal } from './types.ts';

/** An MQTT client that proved who it is. */
export interface Entering {
  principal: Principal;
  address: string;
  clientId: string;
  /** It takes the client id over from a connection of the same principal, which then ends. */
  takesOver: boolean;
}

/** How many connections the hub bears, and how often they may be made. */
export interface ConnectionLimits {
  /**
   * A socket was opened. @returns what is to be called when it has proved who it is, or has ended; undefined when it
   * is to be cut, as too many of its address have not, or it is banned and goes on trying
   */
  opened(address: string, transport: 'http' | 'mqtt'): (() => void) | undefined;
  /** It wants to prove who it is. Rejects with RpcError -32006 */
  arrive(address: string): Promise<void>;
  /** @returns what is to be called at its end; rejects with RpcError -32006 */
  enter(client: Entering): Promise<() => void>;
}

/** Sockets of one address that have not said who they are. */
const mostUnproved = 500;

export function createConnectionLimits(deps: {
  settings: Pick<
    LimitSettings,
    'connectionsPerPrincipal' | 'connectionsPerAddress' | 'connectsPerMinute' | 'takeoversPerMinute'
  >;
  openQuota: OpenQuota;
  refusals: Refusals;
  /** Addresses without limits by address. */
  isExempt: (address: string) => boolean;
  /** Networks that get no answer. */
  isShunned?: (network: string) => boolean;
}): ConnectionLimits {
  const { settings, refusals, isExempt } = deps;
  const ofPrincipal = createCounts();
  const ofAddress = createCounts();
  const unproved = createCounts();
  const perMinute = (points: number) =>
    points > 0 ? deps.openQuota({ points, seconds: 60 }) : undefined;
  const connects = perMinute(settings.connectsPerMinute);
  const takeovers = perMinute(settings.takeoversPerMinute);

  const refuse = (
    cause: RefusalCause,
    reason: string,
    address: string,
    more: { principal?: Principal; retryAfterMs?: number; transport?: 'http' | 'mqtt' } = {},
  ): Error =>
    refusals.refuse(cause, { subject: 'connect', reason, transport: 'mqtt', address, ...more });

  return {
    opened(address, transport) {
      if (isExempt(address)) return () => undefined;
      if (deps.isShunned?.(networkOf(address))) {
        refusals.count('banned');
        return undefined;
      }
      if (unproved.of(networkOf(address)) < mostUnproved) return unproved.add(networkOf(address));
      const reason = 'too many connections of this address';
      refuse('connections_per_address', reason, address, { transport });
      return undefined;
    },
    async arrive(address) {
      if (!connects || isExempt(address)) return;
      const retryAfterMs = await connects.take(networkOf(address));
      if (retryAfterMs === 0) return;
      const reason = 'too many new connections from this address';
      throw refuse('connects_per_address', reason, address, { retryAfterMs });
    },
    async enter({ principal, address, clientId, takesOver }) {
      const { id } = principal;
      const network = networkOf(address);
      if (takesOver && takeovers) {
        const retryAfterMs = await takeovers.take(`${id} ${clientId}`);
        const reason = 'this client id is taken over too often: does another client use it?';
        if (retryAfterMs > 0)
          throw refuse('takeovers', reason, address, { principal, retryAfterMs });
      }
      // A registration key is shared by all devices that are new.
      const most = principal.registration ? 0 : settings.connectionsPerPrincipal;
      if (!takesOver && most > 0 && ofPrincipal.of(id) >= most) {
        const reason = `${most} connections with this key are open`;
        throw refuse('connections_per_principal', reason, address, { principal });
      }
      const mostOfAddress = isExempt(address) ? 0 : settings.connectionsPerAddress;
      if (!takesOver && mostOfAddress > 0 && ofAddress.of(network) >= mostOfAddress) {
        const reason = `${mostOfAddress} connections of this address are open`;
        throw refuse('connections_per_address', reason, address, { principal });
      }
      const leave = [ofPrincipal.add(id), ofAddress.add(network)];
      return () => leave.forEach((end) => end());
    },
  };
}

/** How many there are of each, as long as there are any. */
function createCounts(): { of(key: string): number; add(key: string): () => void } {
  const counts = new Map<string, number>();
  const of = (key: string): number => counts.get(key) ?? 0;
  return {
    of,
    add(key) {
      counts.set(key, of(key) + 1);
      let there = true;
      return () => {
        if (!there) return;
        there = false;
        if (of(key) > 1) counts.set(key, of(key) - 1);
        else counts.delete(key);
      };
    },
  };
}
