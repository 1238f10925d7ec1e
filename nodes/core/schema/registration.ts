import type { Clock } from '../clock.ts';
import type { RecordStore } from '../records.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { breakingChanges } from './compatibility.ts';
import type { Library } from './library.ts';
import { compareVersions, parseVersion } from './semver.ts';
import type { SchemaRecord } from './types.ts';

const mostVersions = 5_000;

/**
 * `SchemaRegistry.register` for a schema that was read: one after the other, so that two callers
 * cannot both register the same version; durable before it is in the library.
 * @param own names that belong to the hub
 */
export function createRegistration(deps: {
  library: Library;
  records: RecordStore;
  clock: Clock;
  own: ReadonlySet<string>;
}): (schema: SchemaRecord, by: string) => Promise<SchemaRecord & { registered_at: string }> {
  const { library, records, clock, own } = deps;
  let last: Promise<unknown> = Promise.resolve();

  const store = async (
    schema: SchemaRecord,
    by: string,
  ): Promise<SchemaRecord & { registered_at: string }> => {
    if (own.has(schema.name)) {
      throw refused(`${schema.name} belongs to the hub`, { field: 'name' });
    }
    if (library.size() >= mostVersions) {
      throw new RpcError(
        ErrorCode.ResourceExhausted,
        `the hub keeps ${mostVersions} schema versions at most`,
        { limit: mostVersions },
      );
    }
    checkSuccession(library, schema);
    const registered_at = new Date(clock.now()).toISOString();
    const record = { ...schema, registered_at, registered_by: by };
    await records.put('schema', `${schema.name}@${schema.version}`, record);
    library.add(record);
    return record;
  };

  return (schema, by) => {
    const turn = last.then(() => store(schema, by));
    last = turn.catch(() => undefined);
    return turn;
  };
}

/** Throws RpcError -32004 unless the version may follow those there are. */
function checkSuccession(library: Library, schema: SchemaRecord): void {
  const { name } = schema;
  const version = parseVersion(schema.version);
  if (!version) throw refused(`${schema.version} is no semantic version`, { field: 'version' });
  const before = library
    .editions(name)
    .filter((edition) => edition.version.major === version.major)
    .at(-1);
  if (!before) return;
  const newest = before.record.version;
  const order = compareVersions(version, before.version);
  if (order <= 0) {
    const exists = library
      .editions(name)
      .some((edition) => compareVersions(edition.version, version) === 0);
    throw refused(
      exists
        ? `${name}@${schema.version} exists already, and a version never changes`
        : `${schema.version} is lower than ${newest}, the newest of its major version`,
      { field: 'version', newest },
    );
  }
  const changes = breakingChanges(before.record, schema);
  if (changes.length === 0) return;
  const major = newMajor(library, name);
  throw refused(
    `this breaks what was stored under ${name}@${newest} and needs a new major version ` +
      `such as ${major}: ${changes.join('; ')}`,
    { field: 'version', changes, newest },
  );
}

function newMajor(library: Library, name: string): string {
  const newest = library.editions(name).at(-1);
  return `${(newest?.version.major ?? 0) + 1}.0.0`;
}

function refused(reason: string, details: Record<string, unknown>): RpcError {
  return new RpcError(ErrorCode.SchemaValidationFailed, reason, details);
}
