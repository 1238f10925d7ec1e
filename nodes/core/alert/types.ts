export type Severity = 'error' | 'warning';

/** An alarm: one per device and kind while it lasts. JSON, snake_case as in the protocol. */
export interface AlertRecord {
  alert_id: string;
  device_id?: string;
  /** What it is about, e.g. `offline`, `bad_message`; with the device it is the identity of the alarm. */
  kind: string;
  severity: Severity;
  state: 'raised' | 'acknowledged' | 'cleared';
  message: string;
  data?: Record<string, unknown>;
  /** How often it was raised since `raised_at`. */
  count: number;
  /** Stays until its cause is gone; if false, acknowledging it clears it. */
  lasting: boolean;
  /** ISO 8601. */
  raised_at: string;
  last_raised_at: string;
  acknowledged_at?: string;
  acknowledged_by?: string;
  cleared_at?: string;
}
