import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');

describe('npm run bench', function () {
  this.timeout(120_000);

  const bench = (...args: string[]): Promise<{ stdout: string }> =>
    run(process.execPath, [join(root, 'bench/main.mjs'), ...args], { cwd: root });

  it('prints the machine and a table for each suite', async () => {
    const { stdout } = await bench('presence', 'parse', '--quick');
    assert.match(stdout, /^\d+ × .+, Node v\d+/);
    assert.match(stdout, /### Presence, 1,000 devices\n\n\| measure \| value \| target \|\n/);
    assert.match(stdout, /\| hub, CPU at rest \| [^|]+%[^|]* \|/);
    assert.match(stdout, /### Strict JSON\n\n\| measure \| value \|\n/);
    assert.match(stdout, /\| one reading, \d+ bytes \| strict [\d.]+ µs/);
  });

  it('names the suites when it does not know one', async () => {
    await assert.rejects(bench('speed'), ({ code, stderr }: { code: number; stderr: string }) => {
      assert.equal(code, 2);
      assert.match(stderr, /no suite speed[^]*store\|ingest\|registration/);
      return true;
    });
  });

  it('does not write the figures of small sizes down', async () => {
    await assert.rejects(bench('parse', '--quick', '--write'), { code: 2 });
  });
});
