export type ReadingValue = number | string | boolean;
export type ValueType = 'number' | 'string' | 'boolean';

export const qualities = ['good', 'uncertain', 'bad'] as const;
export type Quality = (typeof qualities)[number];

/**
 * One reading on the wires, from `mqtt-in` to the store (specification section 4.1).
 * Before `validate`, `device_id` may be a sensor's id and all but `measurement_type` and `value` is
 * as the device sent it; after `validate` it is the MCU's id, `sensor_id` is set where a sensor is
 * meant, and timestamp, unit and quality are filled in.
 */
export interface Reading {
  device_id: string;
  sensor_id?: string;
  measurement_type: string;
  value: ReadingValue;
  unit?: string;
  quality?: Quality;
  /** Milliseconds since the Unix epoch. */
  timestamp: number;
}

/** Why one reading of a batch was not accepted. */
export interface Rejection {
  /** Position in the message as it was sent. */
  index: number;
  code: number;
  reason: string;
}
