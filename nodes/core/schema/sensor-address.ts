import { isObject, type JsonObject } from '../document.ts';
import { busOf, buses, hex, numberOf, type Bus } from './bus.ts';
import { refusal } from './problems.ts';

/** Members that say where on its bus a sensor sits, by bus; the first that is there counts. */
const places: Record<Bus, readonly string[]> = {
  i2c: ['address'],
  spi: ['cs', 'cs_pin', 'chip_select'],
  onewire: ['address', 'rom'],
  uart: ['port'],
  analog: ['channel', 'pin'],
  gpio: ['pin'],
  modbus: ['unit_id', 'slave_id', 'address'],
  other: ['address', 'port', 'pin'],
};
const plainPlace = /^[A-Za-z0-9_./-]{1,64}$/;
const subject = 'the static schema';

/**
 * Where a sensor sits, from the `communication` member of its static schema: `i2c:0x47`,
 * `spi:cs5`, `onewire:28-000005e2fdc3`, with the number of the bus if one is given (`i2c1:0x47`).
 * Undefined if it does not say. Throws RpcError -32004 for what cannot be an address.
 */
export function sensorAddress(communication: unknown): string | undefined {
  if (!isObject(communication)) return undefined;
  const blocks = blocksOf(communication);
  const primary = communication['primary_protocol'];
  const bus = primary === undefined ? onlyBus(blocks) : busOf(primary);
  if (primary !== undefined && !bus) {
    const field = 'communication.primary_protocol';
    throw refusal(subject, [{ field, problem: 'is no known bus', allowed: [...buses] }]);
  }
  const block = bus && blocks.get(bus);
  if (!block) return undefined;
  const place = places[bus].find((name) => block.content[name] !== undefined);
  if (place === undefined) return undefined;
  const at = placeText(bus, block.content[place], `communication.${block.name}.${place}`);
  return `${bus}${busNumber(block.content['bus'], block.name)}:${at}`;
}

interface Block {
  name: string;
  content: JsonObject;
}

function blocksOf(communication: JsonObject): Map<Bus, Block> {
  const blocks = new Map<Bus, Block>();
  for (const [name, content] of Object.entries(communication)) {
    const bus = busOf(name);
    if (bus && isObject(content) && !blocks.has(bus)) blocks.set(bus, { name, content });
  }
  return blocks;
}

function onlyBus(blocks: Map<Bus, Block>): Bus | undefined {
  const [bus, another] = blocks.keys();
  return another === undefined ? bus : undefined;
}

function placeText(bus: Bus, value: unknown, field: string): string {
  if (bus === 'i2c') {
    const address = numberOf(value);
    if (address === undefined || address > 0x7f) {
      throw refusal(subject, [{ field, problem: 'must be a 7-bit I2C address such as 0x47' }]);
    }
    return hex(address).toLowerCase();
  }
  const text = plainText(value, field);
  if (bus === 'spi') return /^\d+$/.test(text) ? `cs${text}` : text.toLowerCase();
  return bus === 'onewire' ? text.toLowerCase() : text;
}

function busNumber(value: unknown, block: string): string {
  return value === undefined ? '' : plainText(value, `communication.${block}.bus`);
}

function plainText(value: unknown, field: string): string {
  const text = typeof value === 'number' ? `${value}` : value;
  if (typeof text === 'string' && plainPlace.test(text)) return text;
  const problem = 'must be a number, or up to 64 letters, digits and _ . / -';
  throw refusal(subject, [{ field, problem }]);
}
