import assert from 'node:assert/strict';
import { compareVersions, parseVersion } from '../../../nodes/core/schema/semver.ts';

const parsed = (text: string) => parseVersion(text) ?? assert.fail(`${text} is a version`);

describe('semantic versions', () => {
  it('are taken apart by the grammar of semver.org', () => {
    assert.deepEqual(parseVersion('1.20.3-rc.1+build.5'), {
      major: 1,
      minor: 20,
      patch: 3,
      prerelease: ['rc', '1'],
      build: 'build.5',
    });
    assert.deepEqual(parseVersion('0.0.0'), { major: 0, minor: 0, patch: 0, prerelease: [] });
    for (const valid of [
      '1.0.0--',
      '1.0.0-0A.is.legal',
      '1.0.0+0.build.1-rc',
      '1.0.0-alpha-a.b-c',
    ]) {
      assert(parseVersion(valid), valid);
    }
  });

  it('are nothing else', () => {
    const invalid = ['1', '1.2', 'v1.0.0', '01.0.0', '1.0.0-01', '1.0.0-', '1.0.0+', '1.0.0-a..b'];
    for (const text of [...invalid, '', ' 1.0.0', '1.0.0\n', `1.0.0-${'a'.repeat(80)}`]) {
      assert.equal(parseVersion(text), undefined, JSON.stringify(text));
    }
  });

  it('are ordered as semver.org rule 11 says', () => {
    const ordered = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.0.1',
      '1.2.0',
      '1.10.0',
      '2.0.0',
    ];
    for (const [i, left] of ordered.entries()) {
      for (const [j, right] of ordered.entries()) {
        const order = Math.sign(compareVersions(parsed(left), parsed(right)));
        assert.equal(order, Math.sign(i - j), `${left} and ${right}`);
      }
    }
  });

  it('compare numbers longer than a float holds, and not by their build', () => {
    const [a, b] = ['1.0.0-99999999999999999998', '1.0.0-99999999999999999999'];
    assert(compareVersions(parsed(a), parsed(b)) < 0);
    assert.equal(compareVersions(parsed('1.0.0+a'), parsed('1.0.0+b')), 0);
  });
});
