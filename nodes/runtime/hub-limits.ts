import { createClientAddress, type AddressOf } from '../adapters/http/client-address.ts';
import {
  createOriginRules,
  guardOrigin,
  type RequestHandler,
} from '../adapters/http/front-guard.ts';
import type { SlowClients } from '../adapters/http/slow-clients.ts';
import { createAddressList } from '../adapters/limits/address-list.ts';
import { openMemoryQuota } from '../adapters/limits/memory-quota.ts';
import type { EmbeddedBrokerOptions } from '../adapters/mqtt/embedded-broker.ts';
import type { Clock } from '../core/clock.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import type { Authenticate } from '../core/security/authentication.ts';
import { createCallLimits, type AdmitCall } from '../core/security/call-limits.ts';
import { createConnectionLimits } from '../core/security/connection-limits.ts';
import { guardAuthentication, tellFailures } from '../core/security/guarded-authentication.ts';
import { createGuessGuard } from '../core/security/guesses.ts';
import type { Principal } from '../core/security/types.ts';
import { defaultLimitSettings, type LimitSettings } from '../core/security/limit-settings.ts';
import type { createRpcSocket } from '../adapters/websocket/rpc-socket.ts';
import { createRefusals } from '../core/security/refusals.ts';

/** What stands up to those who do too much. */
export interface HubLimits {
  mayTake: AdmitCall;
  /** Holds up those who try keys. */
  guard: (authenticate: Authenticate) => Authenticate;
  addressOf: AddressOf;
  /** Asked before a command is started. */
  mayCommand: (principal: Principal, underWay: number) => void;
  /** What stands before the endpoints on an HTTP server. */
  front: {
    guardRoute: (handler: RequestHandler) => RequestHandler;
    onOpen: SlowClients['onOpen'];
  };
  /** What bounds WebSockets. */
  sockets: Pick<Parameters<typeof createRpcSocket>[0], 'origins' | 'onRefused' | 'limits'>;
  /** What bounds the clients of the embedded broker. */
  broker: Required<Pick<EmbeddedBrokerOptions, 'limits' | 'connections' | 'onSlowed'>>;
  /** For `hub.info`. */
  stats(): { refused: Record<string, number>; banned_addresses: number };
}

/** @throws Error that names what is wrong in a list of addresses */
export function createHubLimits(deps: {
  settings: LimitSettings | undefined;
  clock: Clock;
  audit: AuditTrail;
}): HubLimits {
  const { settings = defaultLimitSettings, clock, audit } = deps;
  const refusals = createRefusals({ audit });
  const isExempt = createAddressList(settings.neverBanned);
  const guesses = createGuessGuard({
    clock,
    limits: { banAfter: settings.banAfter, banMs: settings.banMinutes * 60_000 },
  });
  const connections = createConnectionLimits({
    settings,
    openQuota: openMemoryQuota,
    refusals,
    isExempt,
    isShunned: guesses.isShunned,
  });
  const addressOf = createClientAddress(createAddressList(settings.trustedProxies));
  const origins = createOriginRules(settings);
  const onRefused: NonNullable<HubLimits['sockets']['onRefused']> = (cause, req, principal) =>
    void refusals.refuse(cause, {
      subject: (req.url ?? '').split('?', 1)[0] ?? '',
      reason: reasons[cause],
      transport: principal ? 'websocket' : 'http',
      address: addressOf(req),
      ...(principal && { principal }),
      ...(cause === 'origin' && { details: { origin: req.headers.origin?.slice(0, 256) } }),
    });
  return {
    mayCommand(principal, underWay) {
      const most = settings.commandsPerPrincipal;
      if (most === 0 || underWay < most) return;
      throw refusals.refuse('commands_per_principal', {
        subject: 'device.execute',
        reason: `${most} commands with this key are under way; wait until some are done`,
        principal,
        retryAfterMs: 1_000,
      });
    },
    front: {
      guardRoute: (handler) => guardOrigin(handler, origins, onRefused),
      onOpen: (address) => connections.opened(address, 'http'),
    },
    sockets: {
      origins,
      onRefused,
      limits: { socketsPerPrincipal: settings.socketsPerPrincipal || Infinity },
    },
    broker: {
      limits: {
        maxMessagesPerSecond: settings.messagesPerPrincipal || Infinity,
        maxMessageBytesPerSecond: settings.messageBytesPerPrincipal || Infinity,
      },
      connections,
      onSlowed: (principalId) =>
        void refusals.refuse('messages', {
          subject: 'publish',
          reason: `${principalId} publishes more than it may in a second`,
          transport: 'mqtt',
          retryAfterMs: 1_000,
        }),
    },
    mayTake: createCallLimits({ settings, openQuota: openMemoryQuota, clock, refusals, isExempt }),
    guard: (authenticate) =>
      settings.banAfter > 0
        ? guardAuthentication(authenticate, { guesses, refusals, audit, isExempt })
        : tellFailures(authenticate, audit),
    addressOf,
    stats: () => ({ refused: refusals.counts(), banned_addresses: guesses.banned() }),
  };
}

const reasons = {
  origin: 'a page of another site asked',
  host: 'it asked for a name that is not served',
  connections_per_principal: 'too many sockets with this key',
};
