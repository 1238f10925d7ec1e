import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { startHub, type RunningHub } from '../support/hub-process.ts';

const document = new URL('../../docs/first-five-minutes.md', import.meta.url);

/** The document's shell blocks, joined as a reader would paste them. */
function scriptOf(markdown: string): string {
  return [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block).join('\n');
}

/** Runs a script as its own process group, so that nothing it left in the background outlives it. */
async function runScript(
  script: string,
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const endGroup = (): void => {
    try {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
    } catch {
      // Nothing was left of it.
    }
  };
  const deadline = setTimeout(endGroup, 45_000);
  try {
    const output = { stdout: '', stderr: '' };
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
    shell.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
    const code = await new Promise<number | null>((resolve, reject) => {
      shell.once('error', reject);
      shell.once('close', resolve);
    });
    return { code, ...output };
  } finally {
    clearTimeout(deadline);
    endGroup();
  }
}

describe('the first five minutes', function () {
  this.timeout(90_000);
  this.slow(60_000);

  let hub: RunningHub;
  let lines: Record<string, unknown>[];
  let deviceId: string | undefined;

  before('the shell blocks of the document run from top to bottom', async () => {
    hub = await startHub();
    const { code, stdout, stderr } = await runScript(scriptOf(readFileSync(document, 'utf8')), {
      PATH: process.env['PATH'],
      LLM_IOT_URL: hub.url,
      LLM_IOT_MQTT_HOST: '127.0.0.1',
      LLM_IOT_MQTT_PORT: String(hub.mqttPort),
      LLM_IOT_ADMIN_KEY: hub.adminKey,
      LLM_IOT_REGISTRATION_KEY: hub.registrationKey,
    });
    assert.equal(code, 0, `the script ended with ${String(code)}\n${stdout}\n${stderr}`);
    lines = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    deviceId = /^I am (\S+)$/m.exec(stdout)?.[1];
  });

  after(async () => {
    await hub.stop();
    await hub.cleanUp();
  });

  /** The one JSON line of the script's output that satisfies. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- any JSON document; the assertions say its shape
  function line(satisfies: (line: any) => unknown): any {
    const found = lines.filter((candidate) => satisfies(candidate));
    assert.equal(found.length, 1, JSON.stringify(lines, null, 2));
    return found[0];
  }

  it('register a device that gets its own id', () => {
    assert.match(deviceId ?? '', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('publish 100 readings and read them back as hourly averages', () => {
    const [series] = line(({ result }) => result?.series).result.series;
    assert.equal(series.device_id, deviceId);
    assert.equal(series.unit, 'celsius');
    const points = series.points as { timestamp: string; value: number; count: number }[];
    assert.equal(
      points.reduce((sum, { count }) => sum + count, 0),
      100,
    );
    for (const { timestamp, value } of points) {
      assert.equal(Date.parse(timestamp) % 3_600_000, 0);
      assert.ok(value >= 19 && value <= 23.9, `${String(value)} is no average of the readings`);
    }
  });

  it('execute a command that the script itself answers', () => {
    const request = line(({ method }) => method === 'set_target');
    assert.deepEqual(request.params, { celsius: 21 });
    const { result } = line((answer) => answer.result?.execution_time_ms !== undefined);
    assert.equal(result.status, 'success');
    assert.deepEqual(result.applied_config, { celsius: 21 });
  });

  it('get -32001 for a command after the device has gone away', () => {
    const { error } = line((answer) => answer.error);
    assert.equal(error.code, -32001);
    assert.equal(typeof error.data.reason, 'string');
  });

  it('see the alarm of the vanished device on MQTT and in alert.list', () => {
    const published = line(({ alert_id: id }) => id);
    assert.equal(published.device_id, deviceId);
    assert.equal(published.kind, 'offline');
    const { alerts } = line(({ result }) => Array.isArray(result?.alerts)).result;
    assert.ok(alerts.some(({ alert_id: id }: { alert_id: string }) => id === published.alert_id));
  });
});
