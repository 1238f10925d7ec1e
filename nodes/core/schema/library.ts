import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { nearest } from '../rpc/suggest.ts';
import { compareVersions, parseVersion, type Version } from './semver.ts';
import type { SchemaRecord, SensorTemplate } from './types.ts';

const mostNearest = 3;

/** One version of a schema with its version taken apart. */
export interface Edition {
  record: SchemaRecord;
  version: Version;
}

/** The schemas in memory, by name and version. */
export interface Library {
  /** Adds a version; one that is there already is replaced. */
  add(record: SchemaRecord): void;
  /** Every version of a schema, oldest first; empty if there is none. */
  editions(name: string): readonly Edition[];
  /** The newest version that is not a pre-release, else the newest. */
  newest(name: string): SchemaRecord | undefined;
  /** A version by `name`, `name@version`, or both apart. Throws RpcError -32602 as `SchemaRegistry.get`. */
  get(name: string, version?: string): SchemaRecord;
  /** The newest version of each sensor template, in the order their names were first added. */
  templates(): SensorTemplate[];
  /** The newest template of a manufacturer's model, case and punctuation aside. */
  find(manufacturer: string, model: string): SensorTemplate | undefined;
  /** Names of the templates most like a manufacturer's model, for an error. */
  nearestTemplates(manufacturer: string, model: string): string[];
  names(): string[];
  /** How many versions there are in all. */
  size(): number;
}

export function createLibrary(): Library {
  const shelves = new Map<string, Edition[]>();
  let templates: SensorTemplate[] | undefined;

  const newest = (name: string): SchemaRecord | undefined => {
    const editions = shelves.get(name) ?? [];
    const released = editions.filter(({ version }) => version.prerelease.length === 0);
    return (released.at(-1) ?? editions.at(-1))?.record;
  };

  const library: Library = {
    add(record) {
      const version = parseVersion(record.version);
      if (!version)
        throw new TypeError(`${record.name} has no semantic version: ${record.version}`);
      const others = library
        .editions(record.name)
        .filter((edition) => compareVersions(edition.version, version) !== 0);
      const all = [...others, { record, version }];
      shelves.set(
        record.name,
        all.sort((a, b) => compareVersions(a.version, b.version)),
      );
      templates = undefined;
    },

    editions: (name) => shelves.get(name) ?? [],
    newest,

    get(name, version) {
      const [bare, pinned] = version === undefined ? splitReference(name) : [name, version];
      const editions = library.editions(bare);
      if (editions.length === 0) {
        const meant = nearest(bare, shelves.keys());
        throw new RpcError(
          ErrorCode.InvalidParams,
          `there is no schema ${bare}${meant === undefined ? '' : `; did you mean ${meant}?`}`,
          { field: 'name', ...(meant !== undefined && { nearest: meant }) },
        );
      }
      const found =
        pinned === undefined
          ? newest(bare)
          : editions.find(({ record }) => record.version === pinned)?.record;
      if (found) return found;
      throw new RpcError(ErrorCode.InvalidParams, `${bare} has no version ${pinned ?? ''}`, {
        field: 'version',
        allowed: editions.map(({ record }) => record.version),
      });
    },

    templates() {
      templates ??= [...shelves.keys()].flatMap((name) => {
        const record = newest(name);
        return record?.kind === 'sensor' ? [record] : [];
      });
      return templates;
    },

    find(manufacturer, model) {
      const sameModel = library.templates().filter((each) => plain(each.model) === plain(model));
      const sameMaker = sameModel.find((each) => sameCompany(each.manufacturer, manufacturer));
      // A breakout board carries its seller's name and the chip's model.
      return sameMaker ?? (sameModel.length === 1 && telling(model) ? sameModel[0] : undefined);
    },

    nearestTemplates(manufacturer, model) {
      const wanted = plain(model);
      const known = library.templates();
      const names = known.filter(
        ({ model: other }) => nearest(wanted, [plain(other)]) !== undefined,
      );
      const close = names.sort(
        (a, b) => prefix(plain(b.model), wanted) - prefix(plain(a.model), wanted),
      );
      const ofMaker = known.filter((each) => sameCompany(each.manufacturer, manufacturer));
      return (close.length > 0 ? close : ofMaker).slice(0, mostNearest).map(({ name }) => name);
    },

    names: () => [...shelves.keys()],
    size: () => [...shelves.values()].reduce((sum, editions) => sum + editions.length, 0),
  };
  return library;
}

/** Letters and digits alone: `BMP 580` is `bmp580`. */
export function plain(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

function splitReference(reference: string): [name: string, version: string | undefined] {
  const at = reference.indexOf('@');
  return at === -1 ? [reference, undefined] : [reference.slice(0, at), reference.slice(at + 1)];
}

/** `Bosch` is `Bosch Sensortec`, and `TI` is `Texas Instruments`. */
function sameCompany(a: string, b: string): boolean {
  const [one, other] = [plain(a), plain(b)];
  if (one === '' || other === '') return false;
  return (
    one.startsWith(other) || other.startsWith(one) || initials(a) === other || one === initials(b)
  );
}

function initials(name: string): string | undefined {
  const words = name.toLowerCase().split(/\s+/);
  return words.length > 1 ? words.map((word) => word.charAt(0)).join('') : undefined;
}

/** A model that is hardly anything else by chance: `BME280`, not `A1`. */
function telling(model: string): boolean {
  return plain(model).length >= 4 && /\d/.test(model) && /\p{L}/u.test(model);
}

function prefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a.charAt(length) === b.charAt(length)) length += 1;
  return length;
}
