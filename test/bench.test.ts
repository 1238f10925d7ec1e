import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..');

describe('npm run bench', function () {
  this.timeout(120_000);

  const bench = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
    run(process.execPath, [join(root, 'bench/main.mjs'), ...args], { cwd: root });

  it('prints the machine, and a table for each scenario', async () => {
    const { stdout } = await bench('registry', 'long-store', 'parse', '--quick');
    assert.match(stdout, /^\d+ × .+, Node v\d+/);
    assert.match(stdout, /### Registry of 1,000 devices\n\n\| measure \| value \| target \|\n/);
    assert.match(stdout, /### 200,000 readings of 4 devices\n/);
    assert.match(stdout, /\| a year, stddev of each day \| median [\d.]+ ms/);
    assert.match(stdout, /\| hub at rest, processor time \| [^|]+%[^|]* \|/);
    assert.match(stdout, /### Strict JSON\n\n\| measure \| value \|\n/);
    assert.match(stdout, /\| one reading, \d+ bytes \| strict [\d.]+ µs/);
  });

  it('finds everything that was acknowledged in the ledger and in the file, whatever it came by', async () => {
    const { stdout } = await bench('ingest-100', 'qos0-flood', 'http-batch', '--quick');
    const counted = (measure: string): number => {
      const row = stdout.split('\n').find((line) => line.startsWith(`| ${measure} |`));
      return Number(row?.split('|')[2]?.replaceAll(',', ''));
    };
    const acknowledged = 'sent = acknowledged = stored by the ledger = found in the file';
    assert.ok(counted(acknowledged) > 0);
    assert.ok(counted('sent = received by the ledger') > 0);
    assert.ok(counted('sent = accepted = found in the file') > 0);
  });

  it('does what people and LLMs do with a hub while devices report', async () => {
    const { stdout } = await bench('paced', '--quick');
    for (const kind of ['command', 'WebSocket update', 'query of 24 hours', 'registration'])
      assert.match(stdout, new RegExp(`\\| ${kind}[^|]*\\| median [\\d.]+ ms, p99 [\\d.]+ ms`));
  });

  it('has all pings of idle connections answered', async () => {
    const { stdout } = await bench('idle-connections', '--quick');
    assert.match(stdout, /\| pings, answered \| (\d[\d,]*), \1 \|/);
  });

  it('lets nobody in who guesses, and goes on answering others', async () => {
    const { stdout } = await bench('guessing', '--quick');
    assert.match(stdout, /\| calls, under attack \| median [\d.]+ ms/);
    assert.match(stdout, /\| guesses that were let in \| 0 \|/);
    assert.match(stdout, /\| addresses banned, tries refused or cut unlooked at \| 10, [\d,]+ \|/);
  });

  it('asks what a model would, of many devices and while others report', async () => {
    const { stdout } = await bench('llm', '--quick');
    assert.match(stdout, /\| `tools\/list` with 200 devices \| 8 tools, [\d,]+ bytes \|/);
    assert.match(stdout, /\| mistakes repaired by what the error says \| (\d+) of \1 \|/);
    assert.match(stdout, /\| wrong guesses \| 0 \|/);
    assert.match(stdout, /\| tools, all, 500 messages a second coming in \| median [\d.]+ ms/);
  });

  it('profiles the hubs and says where the time went', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'bench-profiles-'));
    try {
      const { stdout } = await bench('live', '--quick', '--cpu-prof', folder);
      assert.match(stdout, /Profile of a hub, /);
      assert.match(stdout, /Thread with dist\/\S+: busy \d+ of \d+ ms/);
      assert.match(stdout, /by file or library\n +[\d.]+ % +\d+ ms {2}\S+/);
      assert.equal((await readdir(folder)).length, 1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names the scenarios when it does not know one', async () => {
    await assert.rejects(bench('speed'), ({ code, stderr }: { code: number; stderr: string }) => {
      assert.equal(code, 2);
      assert.match(stderr, /no scenario speed[^]*ingest-100 [^]*peers /);
      return true;
    });
  });

  it('does not write the figures of small sizes down, nor those of profiled hubs', async () => {
    await assert.rejects(bench('parse', '--quick', '--write'), { code: 2 });
    await assert.rejects(bench('parse', '--cpu-prof', tmpdir(), '--write'), { code: 2 });
  });

  it('has a place for every scenario in docs/performance.md', async () => {
    const { stdout } = await bench('--help');
    const names = [...stdout.matchAll(/^ {2}([a-z][a-z0-9-]+) {2,}/gm)].map(([, name]) => name);
    assert.ok(names.length > 10);
    const page = await readFile(join(root, 'docs/performance.md'), 'utf8');
    for (const name of ['targets', ...names]) {
      assert.ok(page.includes(`<!-- bench:${name} -->`), `${name} has no table`);
      assert.ok(page.includes(`<!-- /bench:${name} -->`), `the table of ${name} has no end`);
    }
    for (const [, image] of page.matchAll(/\]\((images\/[^)]+)\)/g))
      assert.ok(existsSync(join(root, 'docs', image ?? '')), `${image} is not there`);
  });
});
