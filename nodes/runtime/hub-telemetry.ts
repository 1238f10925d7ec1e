import type { AnswerDeps } from '../core/answer/deps.ts';
import { inExtras, splitExtras, withExtras } from '../core/answer/query-extras.ts';
import type { Clock } from '../core/clock.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import { ErrorCode, RpcError } from '../core/rpc/errors.ts';
import { earliestOf, requireInWindow } from '../core/security/scope-rules.ts';
import type { Principal } from '../core/security/types.ts';
import type { Deliveries, DeliveryReceipt } from '../core/telemetry/deliveries.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';
import { dataQueryLimits, formatDataAnswer, parseDataQuery } from '../core/telemetry/query.ts';
import type { Reading, Rejection } from '../core/telemetry/types.ts';
import { markUntrusted } from '../core/untrusted.ts';

/** Where devices put words of their own: also types and units, where these were learned. */
const inSeries = ['measurement_type', 'unit', 'points[].value'].map((path) => `series[].${path}`);
const inReadings = ['measurement_type', 'unit', 'value'].map((path) => `readings[].${path}`);

/** What is stored of a message, and what its sender is told. */
export interface StoreOutcome {
  stored: Reading[];
  receipt: { accepted: number; rejected: Rejection[] };
}

/** Storing and asking, as the telemetry nodes see it. */
export interface HubTelemetry {
  /**
   * Stores readings and settles their delivery, in this order.
   * @throws RpcError -32006 when the store does not take them; nothing is acknowledged then
   */
  storeReadings(readings: readonly Reading[], delivery: string | undefined): Promise<StoreOutcome>;
  /**
   * `data.query` (specification section 4.3) of what somebody may read; without a principal, of all.
   * @throws RpcError -32602, -32000, and -32005 for a time before the `read_window` of their scope
   */
  query(params: Record<string, unknown>, principal?: Principal): Promise<object>;
  /** `telemetry.latest`, as far back as the `read_window` of their scope. @throws RpcError -32602, -32000 */
  latest(params: Record<string, unknown>, principal?: Principal): object;
}

export function createHubTelemetry(deps: {
  store: TelemetryStore;
  devices: DeviceRegistry;
  deliveries: Deliveries;
  /** Told what was stored. */
  onStored: (readings: readonly Reading[]) => void;
  clock: Clock;
  answers: { deps: AnswerDeps };
}): HubTelemetry {
  const { store, devices, deliveries, onStored, clock, answers } = deps;

  /** @throws RpcError -32000 that names the place in `device_ids`, or `device_id` */
  const mustExist = (
    ids: readonly string[],
    { device_ids: given }: Record<string, unknown>,
    principal: Principal | undefined,
  ): void => {
    const seen = devices.seenBy(principal);
    for (const id of ids)
      if (!seen.resolve(id))
        seen.view(id, Array.isArray(given) ? `device_ids[${given.indexOf(id)}]` : 'device_id');
  };

  return {
    async storeReadings(readings, delivery) {
      if (delivery) deliveries.handOver(delivery);
      const result = await store.write(readings).catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        if (delivery) deliveries.fail(delivery, ErrorCode.ResourceExhausted, reason);
        throw new RpcError(
          ErrorCode.ResourceExhausted,
          `the store did not take the readings: ${reason}`,
        );
      });
      const rejected = result.rejected.map(({ index, reason }) => ({
        index,
        code: ErrorCode.SchemaValidationFailed,
        reason,
      }));
      if (delivery) deliveries.reject(delivery, rejected);
      const receipt = delivery ? deliveries.settle(delivery, result.stored) : undefined;
      const stored = without(readings, rejected);
      onStored(stored);
      return {
        stored,
        receipt: toReceipt(receipt, result.stored, rejected),
      };
    },
    async query(params, principal) {
      const { extras, plain } = splitExtras(params);
      const { zone } = answers.deps;
      const question = parseDataQuery(plain, dataQueryLimits, { now: clock.now(), zone });
      mustExist(question.device_ids, params, principal);
      requireInWindow(principal?.scope, question.start, clock.now());
      const answer = formatDataAnswer(await store.query(question));
      return markUntrusted(
        extras ? await withExtras(answer, question, extras, principal, answers.deps) : answer,
        extras ? [...inSeries, ...inExtras] : inSeries,
      );
    },
    latest(params, principal) {
      const ids = latestIds(params);
      mustExist(ids ?? [], params, principal);
      const types = params['measurement_types'] as string[] | undefined;
      const earliest = earliestOf(principal?.scope, clock.now());
      const readings = store
        .latest(ids)
        .filter(
          ({ measurement_type, timestamp, device_id }) =>
            (!types || types.includes(measurement_type)) &&
            timestamp >= earliest &&
            devices.canSee(principal, device_id),
        )
        .map((reading) => ({ ...reading, timestamp: new Date(reading.timestamp).toISOString() }));
      return markUntrusted({ readings }, inReadings);
    },
  };
}

/** One id or several; none is every device. */
function latestIds(params: Record<string, unknown>): string[] | undefined {
  const { device_id: one, device_ids: many } = params as {
    device_id?: string;
    device_ids?: string[];
  };
  return many ?? (one === undefined ? undefined : [one]);
}

function without(readings: readonly Reading[], rejected: readonly Rejection[]): Reading[] {
  if (rejected.length === 0) return [...readings];
  const out = new Set(rejected.map(({ index }) => index));
  return readings.filter((_reading, index) => !out.has(index));
}

function toReceipt(
  receipt: DeliveryReceipt | undefined,
  stored: number,
  rejected: Rejection[],
): StoreOutcome['receipt'] {
  if (!receipt) return { accepted: stored, rejected };
  return {
    accepted: receipt.accepted,
    rejected: receipt.rejected.toSorted((a, b) => a.index - b.index),
  };
}
