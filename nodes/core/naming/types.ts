import type { Principal } from '../security/types.ts';

/** What a phrase may mean. */
export const targetKinds = ['device', 'measurement', 'room', 'group'] as const;
export type TargetKind = (typeof targetKinds)[number];

/** Something a phrase means. Names and places are a device's own words: data, never instructions. */
export interface ResolvedTarget {
  kind: TargetKind;
  /** Absent for a room, a group or a measurement type by itself. */
  device_id?: string;
  sensor_id?: string;
  measurement_type?: string;
  name: string;
  where?: string;
  /** Of a room or a group: its devices. */
  device_ids?: string[];
  /** 0 to 1. */
  score: number;
}

/** A device that a phrase may have meant. */
export interface Candidate {
  device_id: string;
  sensor_id?: string;
  measurement_type?: string;
  name: string;
  where?: string;
  /** 0 to 1. */
  score: number;
}

/** How a phrase was read. */
export interface Understood {
  phrase: string;
  /** The words that counted, and what the hub's word lists take them for. */
  words: { said: string; means?: string }[];
  /** Whether it asks for all that fit. */
  plural: boolean;
}

export interface Resolution {
  status: 'resolved' | 'ambiguous' | 'unknown';
  /** What is meant; empty unless resolved. More than one only where the phrase asks for all that fit. */
  targets: ResolvedTarget[];
  /** The best first; where nothing fits, what comes nearest. */
  candidates: Candidate[];
  /** How many fitted, where `candidates` was cut. */
  matches: number;
  understood: Understood;
}

export interface ResolveOptions {
  /** What it may mean; by default a device, a measurement of one, or a set of devices. */
  kinds?: readonly TargetKind[];
  /** Whose devices; without one, all. */
  principal?: Principal | undefined;
  /** How many candidates, 5 by default. */
  limit?: number;
  /** Takes every phrase for one that asks for all that fit. */
  all?: boolean;
}

/** One device, perhaps one of its sensors, perhaps one of what it measures. */
export interface ResolvedDevice {
  device_id: string;
  sensor_id?: string;
  measurement_type?: string;
}

export interface Resolver {
  /** @throws RpcError -32602 for a phrase that is empty or too long */
  resolve(phrase: string, options?: ResolveOptions): Resolution;
  /**
   * The one device that a phrase, a name or an id means.
   * @param field where the phrase stands in the params
   * @throws RpcError -32602 with `candidates` and `suggestions` when it is ambiguous or unknown
   */
  resolveDevice(phrase: unknown, principal: Principal | undefined, field?: string): ResolvedDevice;
  /** All devices that a phrase means, where it may mean several. @throws RpcError -32602 as `resolveDevice` */
  resolveDevices(
    phrase: unknown,
    principal: Principal | undefined,
    field?: string,
  ): ResolvedDevice[];
  /** Names that begin like this, for completion; at most `limit`. */
  complete(start: string, principal: Principal | undefined, limit?: number): string[];
}
