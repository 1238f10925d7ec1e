import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { buses, busOf, hex, numberOf, type Bus } from './bus.ts';
import type { BusScan } from './ports.ts';
import type { SensorTemplate, TemplateCandidate } from './types.ts';

const mostCandidates = 10;

/** How well the evidence holds. `shared` scores are divided by the root of how many share them. */
const scores = {
  everything: { score: 1, shared: false },
  idAlone: { score: 0.9, shared: false },
  idElsewhere: { score: 0.6, shared: false },
  addressAlone: { score: 0.5, shared: true },
  addressUnconfirmed: { score: 0.3, shared: true },
  busAlone: { score: 0.2, shared: true },
} as const;

interface Seen {
  bus: Bus;
  address?: number;
  chip?: number;
  register?: number;
  family?: number;
}

interface Finding {
  template: SensorTemplate;
  evidence: keyof typeof scores;
  why: string;
}

/**
 * Templates that fit a bus scan, best first, at most ten. A chip id that contradicts a template
 * excludes it; equal scores keep the order of `templates`.
 * Throws RpcError -32602 for a bus or a number that cannot be read.
 */
export function matchTemplates(
  templates: readonly SensorTemplate[],
  scan: BusScan,
): TemplateCandidate[] {
  const seen = readScan(scan);
  const findings = templates.flatMap((template) => weigh(template, seen) ?? []);
  const counts = new Map<string, number>();
  for (const { evidence } of findings) counts.set(evidence, (counts.get(evidence) ?? 0) + 1);
  return findings
    .map(({ template, evidence, why }): TemplateCandidate => {
      const count = counts.get(evidence) ?? 1;
      const { score, shared } = scores[evidence];
      const others = shared && count > 1 ? `; so do ${count - 1} other templates` : '';
      return {
        template: `${template.name}@${template.version}`,
        name: template.name,
        manufacturer: template.manufacturer,
        model: template.model,
        score: shared ? Math.round((score / Math.sqrt(count)) * 100) / 100 : score,
        why: why + others,
        measurements: template.measurements,
      };
    })
    .sort((a, b) => b.score - a.score)
    .slice(0, mostCandidates);
}

function readScan(scan: BusScan): Seen {
  const bus = busOf(scan.bus);
  if (!bus) {
    throw new RpcError(ErrorCode.InvalidParams, 'bus is no known bus', {
      field: 'bus',
      allowed: buses,
    });
  }
  const rom = bus === 'onewire' ? romFamily(scan.address) : undefined;
  const address = bus === 'onewire' ? undefined : read(scan, 'address');
  const chip = read(scan, 'chip_id');
  const register = read(scan, 'register');
  const family = read(scan, 'family_code') ?? rom;
  return {
    bus,
    ...(address !== undefined && { address }),
    ...(chip !== undefined && { chip }),
    ...(register !== undefined && { register }),
    ...(family !== undefined && { family }),
  };
}

function read(
  scan: BusScan,
  field: 'address' | 'chip_id' | 'register' | 'family_code',
): number | undefined {
  if (scan[field] === undefined) return undefined;
  const number = numberOf(scan[field]);
  if (number !== undefined) return number;
  const reason = `${field} must be a number such as 0x47, 47h or 71`;
  throw new RpcError(ErrorCode.InvalidParams, reason, { field });
}

/** The family code that a 1-Wire ROM begins with: `28-000005e2fdc3`. */
function romFamily(address: unknown): number | undefined {
  if (typeof address !== 'string') return undefined;
  const code = /^([0-9a-f]{2})[-.:]?(?:[0-9a-f]{2}[-.:]?){6,7}$/i.exec(address)?.[1];
  return code === undefined ? undefined : Number.parseInt(code, 16);
}

function weigh(template: SensorTemplate, seen: Seen): Finding | undefined {
  const chip = idEvidence(template, seen);
  if (chip.verdict === 'contradicts') return undefined;
  const { bus } = template.identity;
  if (bus !== seen.bus) {
    // Chips with an id register on I2C mostly speak SPI as well, and answer with the same id.
    if (chip.verdict !== 'agrees' || !registerBus(bus) || !registerBus(seen.bus)) return undefined;
    const why = `${chip.why}, though it is documented on ${bus}`;
    return { template, evidence: 'idElsewhere', why };
  }
  const place = addressEvidence(template, seen);
  const why = [place.why, chip.why].filter((text) => text !== '').join(', ');
  if (chip.verdict === 'agrees') {
    const evidence = { agrees: 'everything', differs: 'idElsewhere', unknown: 'idAlone' } as const;
    return { template, evidence: evidence[place.verdict], why };
  }
  if (place.verdict === 'differs') return undefined;
  if (place.verdict === 'agrees') {
    const evidence = seen.chip === undefined ? 'addressAlone' : 'addressUnconfirmed';
    return { template, evidence, why };
  }
  return seen.chip === undefined
    ? { template, evidence: 'busAlone', why: `sits on ${bus}` }
    : undefined;
}

function idEvidence(
  { identity }: SensorTemplate,
  seen: Seen,
): { verdict: 'agrees' | 'contradicts' | 'silent'; why: string } {
  if (seen.family !== undefined) {
    const same = numberOf(identity.family_code) === seen.family;
    const why = `1-Wire family code ${hex(seen.family)} is its own`;
    return same ? { verdict: 'agrees', why } : { verdict: 'contradicts', why: '' };
  }
  if (seen.chip === undefined) return { verdict: 'silent', why: '' };
  const { id_register: id } = identity;
  if (!id) return { verdict: 'silent', why: 'it has no id register that could confirm it' };
  if (seen.register !== undefined && seen.register !== numberOf(id.register)) {
    return { verdict: 'silent', why: `its id is in register ${id.register}, which was not read` };
  }
  const same = id.values.some((value) => numberOf(value) === seen.chip);
  const why = `chip id ${hex(seen.chip)} is its own`;
  return same ? { verdict: 'agrees', why } : { verdict: 'contradicts', why: '' };
}

function addressEvidence(
  { identity }: SensorTemplate,
  seen: Seen,
): { verdict: 'agrees' | 'differs' | 'unknown'; why: string } {
  // Only I2C addresses belong to a kind of chip; a Modbus unit id says nothing.
  if (seen.address === undefined || seen.bus !== 'i2c') return { verdict: 'unknown', why: '' };
  const address = hex(seen.address);
  const same = identity.addresses?.some((each) => numberOf(each) === seen.address);
  return same
    ? { verdict: 'agrees', why: `address ${address} is one of its own` }
    : { verdict: 'differs', why: `address ${address} is unusual for it` };
}

function registerBus(bus: Bus): boolean {
  return bus === 'i2c' || bus === 'spi';
}
