import type { SensorIdentity } from './types.ts';

export type Bus = SensorIdentity['bus'];

export const buses: readonly Bus[] = [
  'i2c',
  'spi',
  'onewire',
  'uart',
  'analog',
  'gpio',
  'modbus',
  'other',
];

const otherSpellings: Record<string, Bus> = {
  iic: 'i2c',
  twi: 'i2c',
  smbus: 'i2c',
  '1wire': 'onewire',
  w1: 'onewire',
  serial: 'uart',
  adc: 'analog',
  digital: 'gpio',
  modbusrtu: 'modbus',
  modbustcp: 'modbus',
};

/** The bus meant by `I2C`, `1-Wire`, `Modbus RTU` ..., or undefined. */
export function busOf(text: unknown): Bus | undefined {
  if (typeof text !== 'string' || text.length > 32) return undefined;
  const plain = text.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (Object.hasOwn(otherSpellings, plain)) return otherSpellings[plain];
  return buses.find((bus) => bus === plain);
}

/** The number in `0x47`, `47h`, `71` or 71; undefined for anything else. */
export function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }
  if (typeof value !== 'string') return undefined;
  const text = value.trim().toLowerCase();
  const hex = /^0x([0-9a-f]{1,8})$/.exec(text)?.[1] ?? /^([0-9a-f]{1,8})h$/.exec(text)?.[1];
  if (hex !== undefined) return Number.parseInt(hex, 16);
  return /^\d{1,10}$/.test(text) ? Number.parseInt(text, 10) : undefined;
}

/** A number as datasheets write it: `0x47`. */
export function hex(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(2, '0')}`;
}
