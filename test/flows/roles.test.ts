import assert from 'node:assert/strict';
import WebSocket from 'ws';
import {
  callers,
  mayCallShipped,
  methodRoles,
  type CallerKind,
} from '../../nodes/core/security/role-table.ts';
import { createKey } from '../support/create-key.ts';
import {
  ask,
  call,
  esp32,
  eventually,
  joinDevice,
  openSocket,
  type RpcResponse,
  type TestDevice,
} from '../support/hub-client.ts';
import { startHub, type RunningHub } from '../support/hub-process.ts';
import { roleCalls, type CallTargets } from '../support/role-calls.ts';

const withKey = callers.filter((kind) => kind !== 'no key');
const methods = [...Object.keys(methodRoles), 'test.own'];

describe('each role with the running hub', function () {
  this.timeout(30_000);
  let hub: RunningHub;
  let device: TestDevice;
  let keys: Record<CallerKind, string>;
  let targets: CallTargets;
  const sockets = new Map<CallerKind, Awaited<ReturnType<typeof openSocket>>>();

  before(async () => {
    hub = await startHub();
    device = await joinDevice(
      hub,
      esp32('roles', {
        commands: { read: { inverse: { command: 'read' } }, wipe: { destructive: true } },
      }),
    );
    await device.onCommand(() => ({ result: {} }));
    await ask(hub, 'device.register_method', { device_id: device.id, method_name: 'test.own' });
    keys = {
      'no key': '',
      'registration key': hub.registrationKey,
      device: device.key,
      llm_admin: hub.adminKey,
      llm_read: (await createKey(hub, 'llm_read')).key,
      llm_write: (await createKey(hub, 'llm_write')).key,
      user_viewer: (await createKey(hub, 'user_viewer')).key,
      user_operator: (await createKey(hub, 'user_operator')).key,
    };
    let asked = 0;
    // A key may have twenty of them.
    const asker = () => createKey(hub, 'llm_write');
    targets = {
      deviceId: device.id,
      spareDevice: async () =>
        ((await ask(hub, 'device.register', esp32())) as { device_id: string }).device_id,
      spareKey: async () =>
        (await ask(hub, 'key.create', { role: 'device', device_id: device.id })).key_id,
      async waitingCommand() {
        const { device_id: id, api_key: key } = await ask(
          hub,
          'device.register',
          esp32(undefined, { commands: { read: {} } }),
          hub.registrationKey,
        );
        await ask(hub, 'device.heartbeat', { device_id: id, status: 'offline' }, key);
        const params = { device_id: id, command: 'read', wait: true };
        return (await ask(hub, 'device.execute', params)).command_id;
      },
      async freshApproval() {
        const key = asker();
        const params = { device_id: device.id, command: 'wipe', arguments: { n: (asked += 1) } };
        const { error } = await call(hub, 'device.execute', params, (await key).key);
        return error?.data.approval_id;
      },
      doneCommand: async () =>
        (await ask(hub, 'device.execute', { device_id: device.id, command: 'read' })).command_id,
      async freshAlert() {
        await call(hub, 'telemetry.update', {
          device_id: device.id,
          data: { live_readings: [{ measurement_type: 'temperature', value: 'warm' }] },
        });
        const { alerts } = await eventually('an alarm', async () => {
          const answer = await ask(hub, 'alert.list', { device_id: device.id });
          return answer.alerts.length > 0 && answer;
        });
        return alerts[0].alert_id;
      },
    };
    // The type of a series is fixed by its first reading, so that a text is refused and an alarm raised.
    await ask(hub, 'telemetry.update', await roleCalls['telemetry.update']!.params(targets));
    for (const kind of withKey) sockets.set(kind, await openSocket(hub, keys[kind]));
  });
  after(async () => {
    await Promise.all([...sockets.values()].map((socket) => socket.close()));
    await device.end();
    await hub.stop();
    await hub.cleanUp();
  });

  const paramsOf = (method: string, allowed: boolean): object | Promise<object> => {
    const known = roleCalls[method];
    assert.ok(known, `${method} has no call in test/support/role-calls.ts: add one that works`);
    // What is refused needs no alarm and no device of its own.
    return allowed
      ? known.params(targets)
      : known.params({
          ...targets,
          spareDevice: () => Promise.resolve(device.id),
          freshAlert: () => Promise.resolve('none'),
          spareKey: () => Promise.resolve('none'),
          waitingCommand: () => Promise.resolve('none'),
          doneCommand: () => Promise.resolve('none'),
          freshApproval: () => Promise.resolve('none'),
        });
  };
  const holds = (answer: RpcResponse, allowed: boolean, what: string): void => {
    const said = `${what}: ${JSON.stringify(answer)}`;
    if (allowed) assert.equal(answer.error, undefined, said);
    else assert.equal(answer.error?.code, -32005, said);
  };

  for (const method of methods)
    it(`${method} is for whom the table says, over HTTP and WebSocket`, async () => {
      for (const kind of callers) {
        const allowed = mayCallShipped(kind, method);
        if (!roleCalls[method]?.onSocket || !allowed)
          holds(
            await call(hub, method, await paramsOf(method, allowed), keys[kind]),
            allowed,
            `${kind} over HTTP`,
          );
        const socket = sockets.get(kind);
        if (socket)
          holds(
            await socket.call(method, await paramsOf(method, allowed)),
            allowed,
            `${kind} over WebSocket`,
          );
      }
    });

  it('lists to each the methods it may call, and no other', async () => {
    for (const kind of withKey.filter((one) => mayCallShipped(one, 'rpc.methods'))) {
      const { methods: listed } = await ask(hub, 'rpc.methods', {}, keys[kind]);
      assert.deepEqual(
        (listed as { name: string }[]).map(({ name }) => name),
        methods.filter((method) => mayCallShipped(kind, method)).sort(),
        kind,
      );
    }
  });

  it('opens no WebSocket without a key', async () => {
    const socket = new WebSocket(`${hub.url.replace('http', 'ws')}/ws`);
    const status = await new Promise((resolve) => {
      socket.on('unexpected-response', (_request, { statusCode }) => resolve(statusCode));
      socket.on('open', () => resolve('open'));
    });
    socket.on('error', () => undefined);
    socket.terminate();
    assert.equal(status, 401);
  });
});
