/** A semantic version (semver.org 2.0.0) taken apart. */
export interface Version {
  major: number;
  minor: number;
  patch: number;
  /** Identifiers after `-`; empty for a release. */
  prerelease: string[];
  /** After `+`; has no part in precedence. */
  build?: string;
}

/** The grammar of a semantic version, as semver.org suggests it, bounded in length. */
const versionPattern =
  '^(?=.{5,64}$)(0|[1-9]\\d{0,8})\\.(0|[1-9]\\d{0,8})\\.(0|[1-9]\\d{0,8})' +
  '(?:-((?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?' +
  '(?:\\+([0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*))?$';

const grammar = new RegExp(versionPattern);
const numeric = /^\d+$/;

/** The parts of a version, or undefined if it is none. */
export function parseVersion(text: string): Version | undefined {
  const match = grammar.exec(text);
  if (!match) return undefined;
  const [, major, minor, patch, prerelease, build] = match;
  return {
    major: Number(major),
    minor: Number(minor),
    patch: Number(patch),
    prerelease: prerelease === undefined ? [] : prerelease.split('.'),
    ...(build !== undefined && { build }),
  };
}

/** Precedence by semver.org rule 11: below zero if `a` comes first, zero if they are equal. */
export function compareVersions(a: Version, b: Version): number {
  return (
    a.major - b.major ||
    a.minor - b.minor ||
    a.patch - b.patch ||
    comparePrereleases(a.prerelease, b.prerelease)
  );
}

function comparePrereleases(a: readonly string[], b: readonly string[]): number {
  if (a.length === 0 || b.length === 0) return Math.sign(b.length - a.length);
  for (const [index, left] of a.entries()) {
    const right = b[index];
    if (right === undefined) return 1;
    const order = compareIdentifiers(left, right);
    if (order !== 0) return order;
  }
  return a.length === b.length ? 0 : -1;
}

function compareIdentifiers(a: string, b: string): number {
  if (a === b) return 0;
  const numbers = [numeric.test(a), numeric.test(b)];
  if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
  // Numbers may be longer than a float can hold; without leading zeros the longer one is greater.
  if (numbers[0] && a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : 1;
}
