import { ErrorCode, RpcError } from '../rpc/errors.ts';
import type { SeriesKey, StoreQuery } from './ports.ts';

/** The series and time at which the next page of an answer starts. */
export interface QueryPosition extends SeriesKey {
  /** Milliseconds since the epoch. */
  timestamp: number;
}

/** Writes a position down for the caller: base64url, opaque, good for the same question only. */
export function encodeCursor(query: StoreQuery, position: QueryPosition): string {
  const { device_id, sensor_id, measurement_type, timestamp } = position;
  const fields = [questionHash(query), device_id, sensor_id ?? '', measurement_type, timestamp];
  const bytes = new TextEncoder().encode(JSON.stringify(fields));
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** Reads the cursor of a query, if it has one. @throws RpcError -32602 unless an answer to this question gave it */
export function decodeCursor(query: StoreQuery): QueryPosition | undefined {
  if (query.cursor === undefined) return undefined;
  const [hash, device_id, sensor_id, measurement_type, timestamp] = fieldsOf(query.cursor);
  if (
    typeof hash !== 'number' ||
    typeof device_id !== 'string' ||
    typeof sensor_id !== 'string' ||
    typeof measurement_type !== 'string' ||
    typeof timestamp !== 'number'
  )
    throw wrongCursor('cursor must be one that an earlier answer gave, unchanged');
  if (hash !== questionHash(query))
    throw wrongCursor(
      'cursor belongs to another question; only limit may change from page to page',
    );
  return { device_id, ...(sensor_id && { sensor_id }), measurement_type, timestamp };
}

function fieldsOf(cursor: string): unknown[] {
  try {
    const binary = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (char) => char.charCodeAt(0));
    const fields: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(fields) ? fields : [];
  } catch {
    return [];
  }
}

const wrongCursor = (reason: string): RpcError =>
  new RpcError(ErrorCode.InvalidParams, reason, {
    field: 'cursor',
    fix: { remove: ['cursor'] },
  });

/** FNV-1a over all that decides which points a question has; it guards against mistakes, not against forgery. */
function questionHash(query: StoreQuery): number {
  const { device_ids, measurement_types, start, end, aggregation, interval, time_zone } = query;
  const text = JSON.stringify([
    [...device_ids].sort(),
    measurement_types && [...measurement_types].sort(),
    start,
    end,
    aggregation,
    interval,
    time_zone,
  ]);
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return hash;
}
