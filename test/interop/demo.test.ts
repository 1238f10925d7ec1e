import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { DemoStopped, runDemo, type DemoOptions } from '../../scripts/demo/run-demo.mjs';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const main = fileURLToPath(new URL('../../scripts/demo/main.mjs', import.meta.url));

/** The demo as a person starts it, with nothing of this process's environment but the path. */
async function runMain(
  args: string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await ended, stdout, stderr };
}

describe('npm run demo', function () {
  this.timeout(90_000);
  this.slow(30_000);

  let hub: RunningHub;
  let home: string;
  const written: string[] = [];

  const options = (): DemoOptions => {
    const output = new PassThrough();
    output.setEncoding('utf8').on('data', (chunk: string) => written.push(chunk));
    return {
      url: hub.url,
      mqtt: hub.mqttUrl,
      adminKey: hub.adminKey,
      registrationKey: hub.registrationKey,
      hours: 6,
      speed: 1e6,
      llm: true,
      keep: false,
      stateFile: join(home, 'demo-devices.json'),
      output,
    };
  };

  before(async () => {
    home = mkdtempSync(join(tmpdir(), 'llm-iot-demo-'));
    hub = await startHub();
  });

  after(async () => {
    await hub.stop();
    await hub.cleanUp();
    rmSync(home, { recursive: true, force: true });
  });

  it('lets ten devices register, replay their readings and be commanded by an LLM', async () => {
    const summary = await runDemo(options());
    assert.equal(summary.devices, 10);
    assert.equal(summary.resumed, 0);
    assert.ok(summary.readingsSent > 0);
    assert.deepEqual(
      summary.steps.filter(({ ok }) => !ok),
      [],
      written.join(''),
    );
    assert.ok(summary.steps.length > 0);
  });

  it('prints the JSON-RPC conversation with requests, answers, updates and the error on purpose', () => {
    const printed = written.join('');
    assert.match(printed, /→ #\d+ http data\.query \{/);
    assert.match(printed, /→ #\d+ ws subscribe \{/);
    assert.match(printed, /← stream\.update \{/);
    assert.match(printed, /← #\d+ error \{[^}]*-32602/);
    assert.ok(!printed.includes('\u001b'), 'no colours where there is no terminal');
  });

  it('keeps the keys of the devices in a file that only its owner can read', () => {
    assert.equal(statSync(join(home, 'demo-devices.json')).mode & 0o777, 0o600);
  });

  it('resumes the same ten devices in a second run, and ends with exit code 0', async () => {
    const { code, stdout, stderr } = await runMain(
      ['--url', hub.url, '--mqtt', hub.mqttUrl, '--hours', '2', '--speed', '1000000'],
      {
        LLM_IOT_ADMIN_KEY: hub.adminKey,
        LLM_IOT_REGISTRATION_KEY: hub.registrationKey,
        LLM_IOT_DATA_DIR: home,
      },
    );
    assert.equal(code, 0, `${stdout}\n${stderr}`);
    assert.match(stdout, /10 devices \(10 resumed\)/);
  });

  it('ends cleanly when it is stopped in the middle of the replay', async () => {
    const stop = new AbortController();
    const output = new PassThrough();
    output.setEncoding('utf8').on('data', (chunk: string) => {
      if (chunk.includes('readings acknowledged')) stop.abort();
    });
    const slow = { ...options(), speed: 1, output, signal: stop.signal };
    await assert.rejects(runDemo(slow), DemoStopped);
  });

  it('says which key is missing and how to pass it when nobody can be asked', async () => {
    const { code, stderr } = await runMain([], { LLM_IOT_DATA_DIR: home });
    assert.equal(code, 2);
    assert.match(stderr, /registration key and admin key/);
    assert.match(stderr, /LLM_IOT_ADMIN_KEY=.* LLM_IOT_REGISTRATION_KEY=.* npm run demo/);
  });

  it('says in one sentence that the hub refuses a wrong key', async () => {
    const wrong = { ...options(), adminKey: 'not-the-key' };
    await assert.rejects(runDemo(wrong), /does not accept the admin key/);
    const wrongRegistration = { ...options(), registrationKey: 'not-the-key' };
    await assert.rejects(runDemo(wrongRegistration), /does not accept the registration key/);
  });
});
