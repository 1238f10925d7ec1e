import { createClientAddress, type AddressOf } from '../adapters/http/client-address.ts';
import { createAddressList } from '../adapters/limits/address-list.ts';
import { openMemoryQuota } from '../adapters/limits/memory-quota.ts';
import type { EmbeddedBrokerOptions } from '../adapters/mqtt/embedded-broker.ts';
import type { Clock } from '../core/clock.ts';
import type { AuditTrail } from '../core/security/audit.ts';
import type { Authenticate } from '../core/security/authentication.ts';
import { createCallLimits, type AdmitCall } from '../core/security/call-limits.ts';
import { createConnectionLimits } from '../core/security/connection-limits.ts';
import { guardAuthentication } from '../core/security/guarded-authentication.ts';
import { createGuessGuard } from '../core/security/guesses.ts';
import { defaultLimitSettings, type LimitSettings } from '../core/security/limit-settings.ts';
import { createRefusals } from '../core/security/refusals.ts';

/** What stands up to those who do too much. */
export interface HubLimits {
  mayTake: AdmitCall;
  /** Holds up those who try keys. */
  guard: (authenticate: Authenticate) => Authenticate;
  addressOf: AddressOf;
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
  return {
    broker: {
      limits: {
        maxMessagesPerSecond: settings.messagesPerPrincipal || Infinity,
        maxMessageBytesPerSecond: settings.messageBytesPerPrincipal || Infinity,
      },
      connections: createConnectionLimits({
        settings,
        openQuota: openMemoryQuota,
        refusals,
        isExempt,
      }),
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
        : authenticate,
    addressOf: createClientAddress(createAddressList(settings.trustedProxies)),
    stats: () => ({ refused: refusals.counts(), banned_addresses: guesses.banned() }),
  };
}
