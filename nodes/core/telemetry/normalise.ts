import { cleanDocument, isObject, jsonSize, type JsonObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { cleanText, isCleanText } from '../text.ts';
import { parseTimestamp } from './timestamp.ts';
import type { Quality, Reading, Rejection } from './types.ts';

/** Where a telemetry message comes from. */
export interface TelemetryContext {
  /** The device or sensor of the topic or call, for readings that name none. */
  deviceId?: string;
  /** Milliseconds since the epoch, for readings without a time. */
  arrival: number;
  /**
   * Whether the sender may also speak for this id (its MCU's, or one of its sensors'). Without it, a message that is
   * for one device cannot hold readings of another.
   */
  owns?: (id: string) => boolean;
}

export interface NormalisedTelemetry {
  readings: Reading[];
  rejected: Rejection[];
  /** Position of each reading in the message, where some were rejected; else they are in place. */
  positions?: number[];
  operational_status?: Record<string, unknown>;
}

const mostReadings = 10_000;
const longestText = 1_024;
const longestType = 64;
const longestUnit = 32;
const longestId = 64;
const largestStatus = 16 * 1_024;

/** What the elements of one message have in common. */
interface Frame {
  deviceId: string | undefined;
  timestamp: number;
  owns: (id: string) => boolean;
}

/**
 * Readings from any shape a device may send: params of `telemetry.update` (specification section 4.1), that whole
 * JSON-RPC message, one reading object, an array of readings. An element that makes no sense is rejected by its
 * position with -32004; the others are taken.
 * @throws RpcError -32602 for wrong params of `telemetry.update`, -32004 for any other shape, -32005 for a message of
 * one device in the name of another
 */
export function normaliseTelemetry(
  payload: unknown,
  context: TelemetryContext,
): NormalisedTelemetry {
  const owns = context.owns ?? (() => false);
  const frame: Frame = { deviceId: context.deviceId, timestamp: context.arrival, owns };
  if (Array.isArray(payload)) return readAll(payload, frame);
  if (!isObject(payload)) throw unusable();
  if (payload['jsonrpc'] === undefined) return readObject(payload, frame);
  if (payload['method'] !== 'telemetry.update')
    throw invalid('method', 'the only JSON-RPC method for telemetry is telemetry.update');
  const params = payload['params'];
  if (!isObject(params)) throw invalid('params', 'params of telemetry.update must be an object');
  return readObject(params, frame);
}

function readObject(params: JsonObject, frame: Frame): NormalisedTelemetry {
  if (params['data'] === undefined) {
    if (params['measurement_type'] === undefined) throw unusable();
    return readAll([params], frame);
  }
  const { data } = params;
  if (!isObject(data)) throw invalid('data', 'data must be an object');
  const readings = data['live_readings'] ?? [];
  if (!Array.isArray(readings))
    throw invalid('data.live_readings', 'data.live_readings must be an array of readings');
  const status = statusOf(data['operational_status'] ?? undefined);
  const result = readAll(readings, frameOf(params, frame));
  return status ? { ...result, operational_status: status } : result;
}

function frameOf(params: JsonObject, frame: Frame): Frame {
  const named = params['device_id'] ?? undefined;
  if (named !== undefined && typeof named !== 'string')
    throw invalid('device_id', 'device_id must be a string');
  const foreign = named !== undefined && frame.deviceId !== undefined && named !== frame.deviceId;
  if (foreign && !frame.owns(named))
    throw new RpcError(ErrorCode.Unauthorized, 'device_id is another device than the sender', {
      field: 'device_id',
    });
  const given = params['timestamp'] ?? undefined;
  const timestamp = given === undefined ? frame.timestamp : parseTimestamp(given);
  if (timestamp === undefined) throw invalid('timestamp', badTimestamp);
  return { ...frame, deviceId: named ?? frame.deviceId, timestamp };
}

function statusOf(status: unknown): Record<string, unknown> | undefined {
  if (status === undefined) return undefined;
  if (!isObject(status))
    throw invalid('data.operational_status', 'data.operational_status must be an object');
  if (jsonSize(status) > largestStatus)
    throw invalid('data.operational_status', `operational_status may have ${largestStatus} bytes`);
  return cleanDocument(status);
}

function readAll(elements: readonly unknown[], frame: Frame): NormalisedTelemetry {
  if (elements.length > mostReadings)
    throw invalid('data.live_readings', `a message may hold ${mostReadings} readings at most`);
  const readings: Reading[] = [];
  const rejected: Rejection[] = [];
  const positions: number[] = [];
  for (let index = 0; index < elements.length; index++) {
    const reading = read(elements[index], frame);
    if (typeof reading === 'string') {
      rejected.push({ index, code: ErrorCode.SchemaValidationFailed, reason: reading });
    } else {
      readings.push(reading);
      positions.push(index);
    }
  }
  return rejected.length > 0 ? { readings, rejected, positions } : { readings, rejected };
}

const badTimestamp =
  'timestamp must be ISO 8601 (2025-09-30T10:35:00Z) or milliseconds since the Unix epoch';

/** A reading, or why it is none. */
function read(element: unknown, frame: Frame): Reading | string {
  if (!isObject(element)) return 'a reading must be an object with measurement_type and value';
  const { measurement_type: type, timestamp: at, value } = element;
  if (typeof type !== 'string' || type === '' || !isCleanText(type, longestType))
    return `measurement_type must be plain text of 1 to ${longestType} characters`;
  const accepted = acceptValue(value);
  if (accepted === undefined)
    return `value of ${type} must be a finite number, a boolean or text of at most ${longestText} characters`;
  const deviceId = element['device_id'] ?? frame.deviceId;
  if (typeof deviceId !== 'string' || deviceId === '' || deviceId.length > longestId)
    return 'the message does not say which device it is from (device_id)';
  if (deviceId !== frame.deviceId && frame.deviceId !== undefined && !frame.owns(deviceId))
    return 'device_id is another device than the sender';
  const timestamp = at === undefined || at === null ? frame.timestamp : parseTimestamp(at);
  if (timestamp === undefined) return badTimestamp;
  const reading: Reading = {
    device_id: deviceId,
    measurement_type: type,
    value: accepted,
    timestamp,
  };

  return addTexts(reading, element) ?? reading;
}

/** Adds what is optional to a reading; the answer is what is wrong with it. */
function addTexts(reading: Reading, element: JsonObject): string | undefined {
  const { sensor_id: sensorId, unit, quality } = element;
  if (typeof sensorId === 'string') reading.sensor_id = sensorId;
  else if (sensorId !== undefined && sensorId !== null) return 'sensor_id must be a string';
  if (typeof unit === 'string') {
    if (!isCleanText(unit, longestUnit))
      return `unit must be plain text of at most ${longestUnit} characters`;
    if (unit !== '') reading.unit = unit;
  } else if (unit !== undefined && unit !== null) return 'unit must be a string';
  // Which words are allowed is for the check to say; it sees readings that a flow made as well.
  if (typeof quality === 'string') reading.quality = quality as Quality;
  else if (quality !== undefined && quality !== null) return 'quality must be a string';
  return undefined;
}

function acceptValue(value: unknown): Reading['value'] | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string' || value.length > longestText) return undefined;
  return cleanText(value, longestText);
}

function invalid(field: string, reason: string): RpcError {
  return new RpcError(ErrorCode.InvalidParams, reason, { field });
}

function unusable(): RpcError {
  return new RpcError(
    ErrorCode.SchemaValidationFailed,
    'telemetry is { timestamp?, data: { live_readings: [...] } }, one reading { measurement_type, value, unit? }, ' +
      'an array of readings, or the JSON-RPC message telemetry.update',
  );
}
