import type { Clock } from '../clock.ts';
import type { RpcContext } from '../rpc/types.ts';
import type { LimitSettings } from './limit-settings.ts';
import { networkOf } from './network.ts';
import type { OpenQuota, Quota } from './quota.ts';
import type { RefusalCause, Refusals } from './refusals.ts';

/** A call that asks to be admitted. */
export interface AskedCall {
  method: string;
  params: unknown;
  /** Of its request; of a batch, its share. */
  bytes: number;
  context: RpcContext;
}

/** Ends quietly if there is room for this call. Rejects with RpcError -32006 and `retry_after_ms` */
export type AdmitCall = (call: AskedCall) => Promise<void>;

export type CallLimitSettings = Pick<
  LimitSettings,
  | 'callsPerPrincipal'
  | 'bytesPerPrincipal'
  | 'callsPerAddress'
  | 'bytesPerAddress'
  | 'callsPerDevice'
  | 'callsPerMethod'
  | 'callsInAll'
  | 'bytesInAll'
  | 'registrationsPerHour'
>;

/** Over this time calls may come unevenly. */
const windowSeconds = 10;
const longestKey = 128;

/**
 * How many calls, and how many of their bytes, the hub takes: in all, of an address, of a principal, of a principal for
 * one method, and for one device. What a flow calls has no limit. A registration key stands for many devices: only
 * its registrations are counted.
 */
export function createCallLimits(deps: {
  settings: CallLimitSettings;
  openQuota: OpenQuota;
  clock: Clock;
  refusals: Refusals;
  /** Addresses without limits by address. */
  isExempt: (address: string) => boolean;
}): AdmitCall {
  const { settings, refusals, isExempt } = deps;
  const perSecond = (rate: number): Quota | undefined =>
    rate > 0 ? deps.openQuota({ points: rate * windowSeconds, seconds: windowSeconds }) : undefined;
  const hub = createSecond(deps.clock, settings.callsInAll, settings.bytesInAll);
  const addressCalls = perSecond(settings.callsPerAddress);
  const addressBytes = perSecond(settings.bytesPerAddress);
  const principalCalls = perSecond(settings.callsPerPrincipal);
  const principalBytes = perSecond(settings.bytesPerPrincipal);
  const deviceCalls = perSecond(settings.callsPerDevice);
  const methods = new Map(
    Object.entries(settings.callsPerMethod).map(([name, rate]) => [name, perSecond(rate)]),
  );
  const registrations =
    settings.registrationsPerHour > 0
      ? deps.openQuota({ points: settings.registrationsPerHour, seconds: 3_600 })
      : undefined;

  return async ({ method, params, bytes, context }) => {
    const { principal, address, transport } = context;
    if (transport === 'flow') return;
    const refuse = (cause: RefusalCause, what: string, retryAfterMs: number): Error =>
      refusals.refuse(cause, {
        subject: method.slice(0, longestKey),
        reason: `too many ${what}: wait ${Math.ceil(retryAfterMs)} ms`,
        retryAfterMs,
        transport,
        ...(principal && { principal }),
        ...(address !== undefined && { address }),
      });
    const take = async (
      quota: Quota | undefined,
      cause: RefusalCause,
      what: string,
      key: string,
      points?: number,
    ): Promise<void> => {
      const wait = quota ? await quota.take(key.slice(0, longestKey), points) : 0;
      if (wait > 0) throw refuse(cause, what, wait);
    };

    const full = hub.take(bytes);
    if (full) throw refuse(full.cause, full.what, full.ms);
    if (address !== undefined && !isExempt(address)) {
      const network = networkOf(address);
      await take(addressCalls, 'calls_per_address', 'calls from this address', network);
      await take(addressBytes, 'bytes_per_address', 'bytes from this address', network, bytes);
    }
    if (!principal) return;
    const { id } = principal;
    if (principal.registration) {
      if (method === 'device.register')
        await take(registrations, 'registrations', 'registrations with this key', id);
      return;
    }
    await take(principalCalls, 'calls_per_principal', 'calls with this key', id);
    await take(principalBytes, 'bytes_per_principal', 'bytes with this key', id, bytes);
    const own = methods.get(method);
    await take(own, 'calls_per_method', `calls of ${method.slice(0, longestKey)}`, id);
    const device = deviceOf(params);
    if (device !== undefined)
      await take(deviceCalls, 'calls_per_device', 'calls for this device', device);
  };
}

/** The device that params by name are about. */
function deviceOf(params: unknown): string | undefined {
  if (typeof params !== 'object' || params === null || !('device_id' in params)) return undefined;
  return typeof params.device_id === 'string' ? params.device_id : undefined;
}

/** What the hub takes in a second, by plain counting: it is asked for every call. */
function createSecond(
  clock: Clock,
  mostCalls: number,
  mostBytes: number,
): {
  take(bytes: number): { cause: RefusalCause; what: string; ms: number } | undefined;
} {
  let begin = -Infinity;
  let calls = 0;
  let bytes = 0;
  return {
    take(size) {
      const now = clock.elapsed();
      if (now - begin >= 1_000) {
        begin = now;
        calls = 0;
        bytes = 0;
      }
      const ms = begin + 1_000 - now;
      if (mostCalls > 0 && calls >= mostCalls)
        return { cause: 'calls_in_all', what: 'calls in all', ms };
      if (mostBytes > 0 && bytes > 0 && bytes + size > mostBytes)
        return { cause: 'bytes_in_all', what: 'bytes in all', ms };
      calls += 1;
      bytes += size;
      return undefined;
    },
  };
}
