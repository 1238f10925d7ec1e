import type { Clock } from '../clock.ts';
import type { DeviceRegistry } from '../device/ports.ts';
import type { TelemetryStore } from '../telemetry/ports.ts';
import type { Named, ResolveDevice } from './targets.ts';

/** What answers about telemetry are made from. */
export interface AnswerDeps {
  store: Pick<TelemetryStore, 'query' | 'latest'>;
  /** Kind of the store, as evidence names it. */
  storeName: string;
  devices: Pick<DeviceRegistry, 'canSee' | 'deviceIds' | 'resolve' | 'seenBy'>;
  resolve: ResolveDevice;
  /** The same where several may be meant, such as all of a room. */
  resolveAll: (...phrase: Parameters<ResolveDevice>) => Named[];
  clock: Clock;
  /** The hub's own time zone (IANA), for words such as "today" of who names none. */
  zone: string;
}
