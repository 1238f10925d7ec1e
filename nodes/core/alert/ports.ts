import type { AlertRecord, Severity } from './types.ts';

type Params = Record<string, unknown>;

/** Which alarms somebody may know of. */
export type SeesAlert = (alert: AlertRecord) => boolean;

/** An alarm to be raised; `device_id` and `kind` are its identity. */
export interface RaiseRequest {
  device_id?: string;
  kind: string;
  severity: Severity;
  message: string;
  data?: Record<string, unknown>;
  /** Stays until it is cleared, also when acknowledged. Default false. */
  lasting?: boolean;
}

export interface Raised {
  alert: AlertRecord;
  /** It was not there before. */
  fresh: boolean;
  /** It is time to tell the world: the alarm is fresh, or more severe, or was quiet long enough. */
  publish: boolean;
}

/** The life cycle of alarms: raised, acknowledged, cleared. */
export interface Alerts {
  load(): Promise<void>;
  /** Raises an alarm, or counts up the one there is. One that comes again often is neither stored nor told each time. */
  raise(request: RaiseRequest): Promise<Raised>;
  /**
   * A lasting alarm stays, acknowledged; any other is cleared by this. @param sees all, if absent
   * @throws RpcError -32602 for an unknown id, and for that of an alarm which is not seen
   */
  acknowledge(alertId: string, by: string, sees?: SeesAlert): Promise<AlertRecord>;
  /** Ends an alarm whose cause is gone; undefined if there was none. */
  clear(
    which: { device_id?: string; kind: string } | { alert_id: string },
  ): Promise<AlertRecord | undefined>;
  /**
   * `alert.list`, the newest first: `{ state?, severity?, device_id?, kind?, limit?, cursor? }`; without `state`, what is
   * not cleared. @param sees all, if absent @throws RpcError -32602
   */
  list(params: Params, sees?: SeesAlert): { alerts: AlertRecord[]; cursor?: string };
  counts(sees?: SeesAlert): { raised: number; acknowledged: number };
}
