import { isObject } from '../document.ts';
import { invalidParam, optionalNumber, optionalString, optionalWord } from '../params.ts';
import { buses, busOf } from './bus.ts';
import { plain, type Library } from './library.ts';
import type { SchemaSummary } from './ports.ts';
import type { SchemaRecord } from './types.ts';

const usualPage = 100;

/** `SchemaRegistry.list`; the cursor is the last name of the page before. */
export function listSchemas(
  library: Library,
  filter: unknown,
): { schemas: SchemaSummary[]; cursor?: string } {
  if (!isObject(filter)) throw invalidParam('filter', 'the filter must be an object');
  const limit = optionalNumber(filter, 'limit', { min: 1, max: 500, integer: true }) ?? usualPage;
  const cursor = optionalString(filter, 'cursor') ?? '';
  const accepts = acceptor(filter);
  const found = library
    .names()
    .filter((name) => name > cursor)
    .sort()
    .flatMap((name) => {
      const record = library.newest(name);
      return record && accepts(record) ? [summary(library, record)] : [];
    });
  const schemas = found.slice(0, limit);
  const last = found.length > limit ? schemas.at(-1)?.name : undefined;
  return { schemas, ...(last !== undefined && { cursor: last }) };
}

function acceptor(filter: Record<string, unknown>): (record: SchemaRecord) => boolean {
  const kind = optionalWord(filter, 'kind', ['device', 'sensor']);
  const manufacturer = plain(optionalString(filter, 'manufacturer') ?? '');
  const model = plain(optionalString(filter, 'model') ?? '');
  const measurement = optionalString(filter, 'measurement_type');
  const busText = optionalString(filter, 'bus');
  const bus = busOf(busText);
  if (busText !== undefined && !bus) {
    throw invalidParam('bus', 'bus is no known bus', { allowed: buses });
  }
  const onlySensors =
    manufacturer !== '' || model !== '' || measurement !== undefined || bus !== undefined;
  return (record) => {
    if (kind !== undefined && record.kind !== kind) return false;
    if (record.kind === 'device') return !onlySensors;
    return (
      plain(record.manufacturer).includes(manufacturer) &&
      plain(record.model).includes(model) &&
      (bus === undefined || record.identity.bus === bus) &&
      (measurement === undefined ||
        record.measurements.some((each) => each.measurement_type === measurement))
    );
  };
}

function summary(library: Library, record: SchemaRecord): SchemaSummary {
  const { name, kind, version, description } = record;
  const versions = library.editions(name).map((edition) => edition.record.version);
  const common = { name, kind, version, versions, description };
  if (record.kind === 'device') return common;
  return {
    ...common,
    manufacturer: record.manufacturer,
    model: record.model,
    bus: record.identity.bus,
    measurement_types: record.measurements.map((each) => each.measurement_type),
  };
}
