import type { ExpiryTimes } from './ports.ts';

/** How many days readings are kept; without a number, for ever. */
export interface Retention {
  days?: number;
  /** Measurement types with a time of their own. */
  by_type: Readonly<Record<string, number>>;
}

const day = 86_400_000;

/** What is too old at a moment (ms since the epoch). */
export function expiryTimes({ days, by_type }: Retention, now: number): ExpiryTimes {
  return {
    ...(days !== undefined && { all: now - days * day }),
    by_type: Object.fromEntries(
      Object.entries(by_type).map(([type, own]) => [type, now - own * day]),
    ),
  };
}

/** Whether anything is ever forgotten. */
export const forgets = ({ days, by_type }: Retention): boolean =>
  days !== undefined || Object.keys(by_type).length > 0;

/** Before which time readings of a measurement type are forgotten; undefined: never. */
export const expiryOf = ({ all, by_type }: ExpiryTimes, type: string): number | undefined =>
  Object.hasOwn(by_type, type) ? by_type[type] : all;
