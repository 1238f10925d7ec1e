import type { Retention } from '../core/telemetry/retention.ts';
import type { StoreSettings } from './settings.ts';

/** A `store` node as the editor keeps it. */
export interface StoreForm {
  kind: StoreSettings['kind'];
  file?: string;
  url?: string;
  database?: string;
  organization?: string;
  bucket?: string;
  username?: string;
  /** Megabytes. */
  spool?: string | number;
  /** Days; blank is for ever. */
  days?: string | number;
  /** Measurement types with days of their own: `power=3650, noise=7`. */
  daysByType?: string;
}

export interface StoreSecrets {
  password?: string;
  token?: string;
}

const usualSpoolMegabytes = 1_024;

/** What a hub makes of it. @throws Error that names a field that makes no sense */
export function storeSettingsOf(form: StoreForm, secrets: StoreSecrets): StoreSettings {
  const retention = retentionOf(form);
  if (form.kind === 'sqlite') return { kind: 'sqlite', file: form.file ?? '', retention };
  const url = form.url ?? '';
  if (!URL.canParse(url)) throw new Error(`${JSON.stringify(url)} is no address of a database`);
  const spoolMaxBytes = (positive(form.spool, 'spool') ?? usualSpoolMegabytes) * 1_000_000;
  const { database = '', organization = '', bucket = '', username = '' } = form;
  const { password = '', token = '' } = secrets;
  const common = { url, spoolMaxBytes, retention };
  switch (form.kind) {
    case 'influxdb1':
      return { kind: form.kind, ...common, database, username, password };
    case 'influxdb2':
      return { kind: form.kind, ...common, organization, bucket, token };
    case 'influxdb3':
      return { kind: form.kind, ...common, database, token };
    case 'postgresql':
      return { kind: form.kind, ...common, database, username, password };
    default:
      throw new Error(`there is no kind of store ${String(form.kind)}`);
  }
}

function retentionOf({ days: all, daysByType = '' }: StoreForm): Retention {
  const days = positive(all, 'days');
  const entries = daysByType.split(',').filter((entry) => entry.trim() !== '');
  return {
    ...(days !== undefined && { days }),
    by_type: Object.fromEntries(
      entries.map((entry) => {
        const [type = '', own = ''] = entry.split('=').map((part) => part.trim());
        const kept = type === '' ? undefined : positive(own, `days of ${type}`);
        if (kept === undefined)
          throw new Error(
            `${JSON.stringify(entry.trim())} must be a type and days, as in power=30`,
          );
        return [type, kept];
      }),
    ),
  };
}

function positive(value: string | number | undefined, field: string): number | undefined {
  if (value === undefined || value === '') return undefined;
  const number = Number(value);
  if (!(number > 0)) throw new Error(`${field} must be a number above 0`);
  return number;
}
