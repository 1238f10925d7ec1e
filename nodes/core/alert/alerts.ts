import type { Clock } from '../clock.ts';
import { cleanDocument, jsonSize } from '../document.ts';
import type { Ids } from '../ids.ts';
import { invalidParam } from '../params.ts';
import type { RecordStore } from '../records.ts';
import { cleanText } from '../text.ts';
import { listAlerts } from './listing.ts';
import type { Alerts, RaiseRequest } from './ports.ts';
import type { AlertRecord } from './types.ts';

export interface AlertDeps {
  records: RecordStore;
  clock: Clock;
  ids: Ids;
  /** Milliseconds for which an alarm that was told stays quiet when it is raised again; 10,000 unless told. */
  quietMs?: number;
  /** Most alarms that are not cleared; 10,000 unless told. */
  maxActive?: number;
  /** Most cleared ones that are kept; 1,000 unless told. */
  maxCleared?: number;
}

const longestMessage = 500;
const longestKind = 64;
const largestData = 4 * 1_024;

const everything = (): boolean => true;

const identityOf = (which: { device_id?: string; kind: string }): string =>
  `${which.device_id ?? ''}/${which.kind}`;

export function createAlerts(deps: AlertDeps): Alerts {
  const { records, clock, ids } = deps;
  const { quietMs = 10_000, maxActive = 10_000, maxCleared = 1_000 } = deps;
  const active = new Map<string, AlertRecord>();
  const cleared = new Map<string, AlertRecord>();
  const byId = new Map<string, AlertRecord>();
  const toldAt = new Map<string, number>();
  const now = (): string => new Date(clock.now()).toISOString();
  const store = (alert: AlertRecord): Promise<void> => records.put('alert', alert.alert_id, alert);

  const show = (alert: AlertRecord): void => {
    active.set(identityOf(alert), alert);
    byId.set(alert.alert_id, alert);
  };
  const retire = async (alert: AlertRecord): Promise<AlertRecord> => {
    active.delete(identityOf(alert));
    toldAt.delete(alert.alert_id);
    cleared.set(alert.alert_id, alert);
    byId.set(alert.alert_id, alert);
    const forgotten = [...cleared.keys()].slice(0, Math.max(0, cleared.size - maxCleared));
    for (const id of forgotten) {
      cleared.delete(id);
      byId.delete(id);
    }
    await Promise.all([store(alert), ...forgotten.map((id) => records.remove('alert', id))]);
    return alert;
  };
  /** The oldest alarm goes, one whose cause is gone by itself before one that lasts. */
  const makeRoom = async (): Promise<void> => {
    if (active.size < maxActive) return;
    let [oldest] = active.values();
    for (const alert of active.values()) {
      if (alert.lasting) continue;
      oldest = alert;
      break;
    }
    if (oldest) await retire({ ...oldest, state: 'cleared', cleared_at: now() });
  };
  const create = (request: RaiseRequest, time: string): AlertRecord => ({
    alert_id: ids.uuid(),
    ...(request.device_id !== undefined && { device_id: request.device_id }),
    kind: request.kind,
    ...contentOf(request),
    state: 'raised',
    count: 1,
    lasting: request.lasting ?? false,
    raised_at: time,
    last_raised_at: time,
  });

  return {
    async load() {
      const stored = await records.all<AlertRecord>('alert');
      stored.sort((a, b) => (a.raised_at < b.raised_at ? -1 : 1));
      for (const alert of stored) {
        byId.set(alert.alert_id, alert);
        if (alert.state === 'cleared') cleared.set(alert.alert_id, alert);
        else active.set(identityOf(alert), alert);
      }
    },
    async raise(given) {
      const request = { ...given, kind: cleanText(given.kind, longestKind) };
      if (request.kind === '') throw invalidParam('kind', 'kind is missing');
      const before = active.get(identityOf(request));
      const alert = before
        ? { ...before, ...contentOf(request), count: before.count + 1, last_raised_at: now() }
        : create(request, now());
      const room = before ? undefined : makeRoom();
      show(alert);
      const quietSince = toldAt.get(alert.alert_id);
      const publish =
        quietSince === undefined ||
        before?.severity !== alert.severity ||
        clock.now() - quietSince >= quietMs;
      if (publish) {
        toldAt.set(alert.alert_id, clock.now());
        await Promise.all([room, store(alert)]);
      }
      return { alert, fresh: !before, publish };
    },
    async acknowledge(alertId, by, sees = everything) {
      const alert = byId.get(alertId);
      if (!alert || !sees(alert))
        throw invalidParam('alert_id', 'there is no alert with this id; alert.list tells all');
      if (alert.state !== 'raised') return alert;
      const acknowledged: AlertRecord = {
        ...alert,
        state: 'acknowledged',
        acknowledged_at: now(),
        acknowledged_by: by,
      };
      if (!alert.lasting) return retire({ ...acknowledged, state: 'cleared', cleared_at: now() });
      show(acknowledged);
      await store(acknowledged);
      return acknowledged;
    },
    async clear(which) {
      const alert = 'alert_id' in which ? byId.get(which.alert_id) : active.get(identityOf(which));
      if (!alert || alert.state === 'cleared') return undefined;
      return retire({ ...alert, state: 'cleared', cleared_at: now() });
    },
    list: (params, sees = everything) => listAlerts([...byId.values()].filter(sees), params),
    counts(sees = everything) {
      const all = [...active.values()].filter(sees);
      const raised = all.filter(({ state }) => state === 'raised').length;
      return { raised, acknowledged: all.length - raised };
    },
  };
}

function contentOf(request: RaiseRequest): Pick<AlertRecord, 'severity' | 'message' | 'data'> {
  const { severity, message, data } = request;
  const keeps = data !== undefined && jsonSize(data) <= largestData;
  return {
    severity,
    message: cleanText(message, longestMessage),
    ...(keeps && { data: cleanDocument(data) }),
  };
}
