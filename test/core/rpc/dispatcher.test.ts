import assert from 'node:assert/strict';
import { ErrorCode, RpcError } from '../../../nodes/core/rpc/errors.ts';
import type { Outcome, RpcCall, RpcContext } from '../../../nodes/core/rpc/types.ts';
import {
  declareExampleMethods,
  jsonRpcExamples,
  withoutErrorData,
} from '../../support/json-rpc-examples.ts';
import { admin, createRpcRig, method } from '../../support/rpc-rig.ts';
import type { RpcRig } from '../../support/rpc-rig.ts';

const context: RpcContext = { principal: admin, transport: 'flow' };

const request = (name: string, params?: unknown, id: unknown = 1): string =>
  JSON.stringify({ jsonrpc: '2.0', method: name, params, id });

interface Response {
  result?: unknown;
  error?: { code: number; message: string; data: Record<string, unknown> };
  id: unknown;
}

async function call(rig: RpcRig, body: string, as: RpcContext = context): Promise<Response> {
  const text = await rig.dispatcher.handle(body, as);
  assert.ok(text !== undefined);
  return JSON.parse(text) as Response;
}

describe('the examples of the JSON-RPC 2.0 specification, through the dispatcher', () => {
  for (const { title, send, answer } of jsonRpcExamples) {
    it(title, async () => {
      const rig = createRpcRig();
      declareExampleMethods(rig);
      const text = await rig.dispatcher.handle(send, context);
      assert.deepEqual(withoutErrorData(text), withoutErrorData(answer));
      assert.equal(rig.dispatcher.stats().pending, 0);
    });
  }
});

describe('every code of the protocol can reach the caller', () => {
  const thrownByMethods = [
    ErrorCode.DeviceNotFound,
    ErrorCode.DeviceOffline,
    ErrorCode.DeviceBusy,
    ErrorCode.SchemaValidationFailed,
    ErrorCode.HardwareError,
  ];
  for (const code of thrownByMethods) {
    it(`${code}, settled by the flow`, async () => {
      const rig = createRpcRig();
      rig.methods.declare(method('m'), ({ id }) => {
        rig.dispatcher.settle(id, { error: new RpcError(code, 'because', { field: 'x' }) });
      });
      const { error } = await call(rig, request('m'));
      assert.equal(error?.code, code);
      const { suggestions, retryable, ...details } = error.data;
      assert.deepEqual(details, { reason: 'because', field: 'x' });
      assert.ok(Array.isArray(suggestions) && suggestions.length > 0);
      assert.equal(retryable, code === ErrorCode.DeviceOffline || code === ErrorCode.DeviceBusy);
    });
  }

  const byTheDispatcher: [code: number, title: string, body: string, as?: RpcContext][] = [
    [-32700, 'for what is not JSON', '{'],
    [-32600, 'for a wrong version', '{"jsonrpc":"1.0","method":"m","id":1}'],
    [-32601, 'for an unknown method', request('n')],
    [-32602, 'for params against the schema', request('m', { a: 'x' })],
    [-32603, 'for a result that is no JSON', request('cyclic')],
    [-32005, 'without a key', request('m'), { principal: undefined, transport: 'http' }],
    [-32006, 'for too big a batch', `[${Array(101).fill('1').join(',')}]`],
  ];
  for (const [code, title, body, as] of byTheDispatcher) {
    it(`${code}, ${title}`, async () => {
      const rig = createRpcRig();
      rig.answer('m', () => 1, { params: { properties: { a: { type: 'number' } } } });
      rig.answer('cyclic', () => {
        const loop: Record<string, unknown> = {};
        loop['loop'] = loop;
        return loop;
      });
      const { error } = await call(rig, body, as);
      assert.equal(error?.code, code);
      assert.equal(typeof error.data['reason'], 'string');
      assert.equal(rig.dispatcher.stats().errors[code], 1);
    });
  }

  it('-32003, when nobody answers within the timeout', async () => {
    const rig = createRpcRig();
    rig.methods.declare(method('slow', { timeoutMs: 500 }), () => undefined);
    const answer = call(rig, request('slow'));
    rig.clock.advance(499);
    assert.equal(rig.dispatcher.stats().pending, 1);
    rig.clock.advance(1);
    const { error } = await answer;
    assert.equal(error?.code, -32003);
    assert.equal(error.data['timeout_ms'], 500);
    assert.equal(rig.dispatcher.stats().pending, 0);
  });
});

describe('the dispatcher', () => {
  it('tells the nearest method name for an unknown one', async () => {
    const rig = createRpcRig();
    rig.answer('device.list', () => []);
    const { error } = await call(rig, request('device.lits'));
    assert.equal(error?.data['nearest'], 'device.list');
  });

  it('tells nobody without a key which methods there are', async () => {
    const rig = createRpcRig();
    rig.answer('device.list', () => []);
    const nobody: RpcContext = { principal: undefined, transport: 'http' };
    for (const name of ['device.list', 'device.lits']) {
      const { error } = await call(rig, request(name), nobody);
      assert.equal(error?.code, -32005);
      assert.equal(error.data['nearest'], undefined);
    }
  });

  it('lets everybody call an open method', async () => {
    const rig = createRpcRig();
    rig.answer('hub.health', () => ({ status: 'up' }), { open: true, roles: [] });
    const { result } = await call(rig, request('hub.health'), {
      principal: undefined,
      transport: 'http',
    });
    assert.deepEqual(result, { status: 'up' });
  });

  it('names the field, the problem and the allowed values of wrong params', async () => {
    const rig = createRpcRig();
    rig.answer('q', () => 1, {
      params: {
        required: ['device_ids'],
        properties: { aggregation: { enum: ['avg', 'min', 'max'] }, device_ids: {} },
      },
    });
    const { error } = await call(rig, request('q', { aggregation: 'avgg' }));
    assert.equal(error?.data['reason'], 'device_ids is missing');
    assert.deepEqual(error.data['problems'], [
      { field: 'device_ids', problem: 'is missing' },
      {
        field: 'aggregation',
        problem: 'must be one of the allowed values',
        allowed: ['avg', 'min', 'max'],
        nearest: 'avg',
      },
    ]);
  });

  it('refuses more positional params than the method has names for', async () => {
    const rig = createRpcRig();
    rig.answer('m', () => 1, { params: { properties: { a: {} } } });
    assert.equal((await call(rig, request('m', [1]))).result, 1);
    const { error } = await call(rig, request('m', [1, 2]));
    assert.equal(error?.code, -32602);
    assert.deepEqual(error.data['allowed'], ['a']);
  });

  it('echoes strings, numbers, fractions, zero and null as ids, exactly', async () => {
    const rig = createRpcRig();
    rig.answer('m', () => 1);
    for (const id of ['', 'x"\\', 0, -1, 1.5, 9007199254740991, null]) {
      assert.deepEqual(await call(rig, request('m', undefined, id)), {
        jsonrpc: '2.0',
        result: 1,
        id,
      });
    }
  });

  it('refuses ids of other types, and numbers it could not echo exactly', async () => {
    const rig = createRpcRig();
    rig.answer('m', () => assert.fail('it was called'));
    for (const id of ['true', '{}', '[1]', '12345678901234567890']) {
      const { error, id: echoed } = await call(rig, `{"jsonrpc":"2.0","method":"m","id":${id}}`);
      assert.equal(error?.code, -32600);
      assert.equal(echoed, null);
    }
  });

  it('answers an invalid request under its own id where that can be made out', async () => {
    const { id } = await call(createRpcRig(), '{"jsonrpc":"2.0","method":5,"id":"seven"}');
    assert.equal(id, 'seven');
  });

  it('refuses params that are neither an object nor an array', async () => {
    for (const params of ['null', '1', '"a"', 'true']) {
      const { error } = await call(
        createRpcRig(),
        `{"jsonrpc":"2.0","method":"m","params":${params},"id":1}`,
      );
      assert.equal(error?.code, -32600);
    }
  });

  it('answers a batch when all of it has ended, in the order of the requests', async () => {
    const rig = createRpcRig();
    const calls: RpcCall[] = [];
    rig.methods.declare(method('m'), (taken) => calls.push(taken));
    const answer = rig.dispatcher.handle(
      `[${request('m', {}, 'a')},${request('m', {}, 'b')}]`,
      context,
    );
    rig.dispatcher.settle(calls[1]!.id, { result: 2 });
    rig.dispatcher.settle(calls[0]!.id, { result: 1 });
    assert.deepEqual(
      (JSON.parse((await answer) ?? '') as Response[]).map(({ id, result }) => [id, result]),
      [
        ['a', 1],
        ['b', 2],
      ],
    );
  });

  it('keeps a notification that fails silent, and counts it', async () => {
    const rig = createRpcRig();
    assert.equal(
      await rig.dispatcher.handle('{"jsonrpc":"2.0","method":"none"}', context),
      undefined,
    );
    assert.deepEqual(rig.dispatcher.stats().errors, { '-32601': 1 });
  });

  it('settles a call once; what comes later is counted and goes nowhere', async () => {
    const rig = createRpcRig();
    let id = '';
    rig.methods.declare(method('m'), (taken) => (id = taken.id));
    const answer = call(rig, request('m'));
    assert.equal(rig.dispatcher.find(id)?.method, 'm');
    assert.equal(rig.dispatcher.settle(id, { result: 'first' }), true);
    assert.equal(rig.dispatcher.settle(id, { result: 'second' }), false);
    assert.equal((await answer).result, 'first');
    assert.equal(rig.dispatcher.find(id), undefined);
    assert.equal(rig.dispatcher.stats().late_answers, 1);
    assert.equal(rig.clock.pending(), 0);
  });

  it('answers null for a method that has nothing to say', async () => {
    const rig = createRpcRig();
    rig.answer('m', () => undefined);
    assert.deepEqual(await call(rig, request('m')), { jsonrpc: '2.0', result: null, id: 1 });
  });

  it('answers -32603 for results and error data that JSON cannot hold', async () => {
    const rig = createRpcRig();
    const settleWith = async (outcome: Outcome): Promise<Response> => {
      const withdraw = rig.methods.declare(method('m'), ({ id }) => {
        rig.dispatcher.settle(id, outcome);
      });
      const response = await call(rig, request('m'));
      withdraw();
      return response;
    };
    assert.equal((await settleWith({ result: 10n })).error?.code, -32603);
    assert.equal((await settleWith({ result: () => 1 })).error?.code, -32603);
    const { error } = await settleWith({
      error: { code: -32001, message: 'off', data: { n: 1n } },
    });
    assert.deepEqual(error, { code: -32001, message: 'off' });
  });

  it('passes on an error object a flow made, and hides the text of anything else that was thrown', async () => {
    const rig = createRpcRig();
    rig.methods.declare(method('a'), ({ id }) => {
      rig.dispatcher.settle(id, { error: { code: 42, message: 'mine', data: [1] } });
    });
    rig.methods.declare(method('b'), () => {
      throw new Error('password=hunter2');
    });
    assert.deepEqual((await call(rig, request('a'))).error, {
      code: 42,
      message: 'mine',
      data: [1],
    });
    const { error } = await call(rig, request('b'));
    assert.equal(error?.code, -32603);
    assert.doesNotMatch(JSON.stringify(error), /hunter2/);
    assert.match(rig.lines.join('\n'), /hunter2/);
  });

  it('bounds the calls under way with -32006', async () => {
    const rig = createRpcRig({ limits: { pending: 2 } });
    rig.methods.declare(method('m'), () => undefined);
    const first = [call(rig, request('m')), call(rig, request('m'))];
    const { error } = await call(rig, request('m'));
    assert.equal(error?.code, -32006);
    rig.clock.advance(1000);
    await Promise.all(first);
    assert.equal(rig.dispatcher.stats().pending, 0);
  });

  it('does nothing of a batch that is too big', async () => {
    const rig = createRpcRig({ limits: { batch: 2 } });
    rig.answer('m', () => assert.fail('it was called'));
    const { error } = await call(rig, `[${Array(3).fill(request('m')).join(',')}]`);
    assert.equal(error?.data['max_batch'], 2);
  });

  it('gives admitted calls to whoever takes them instead of the method itself', async () => {
    const rig = createRpcRig();
    rig.answer('m', () => 'by the method');
    const text = await rig.dispatcher.handle(request('m'), context, ({ id }) => {
      rig.dispatcher.settle(id, { result: 'by the taker' });
    });
    assert.match(text ?? '', /by the taker/);
  });

  it('invokes from inside, with the plain result or an RpcError', async () => {
    const rig = createRpcRig();
    const result = { now: new Date(0) };
    rig.answer('m', () => result);
    assert.equal(await rig.dispatcher.invoke('m', {}, context), result);
    await assert.rejects(
      rig.dispatcher.invoke('nn', {}, context),
      (error: unknown) => error instanceof RpcError && error.code === -32601,
    );
    rig.methods.declare(method('flow'), ({ id }) => {
      rig.dispatcher.settle(id, {
        error: { code: -32001, message: 'x', data: { reason: 'gone', nearest: 'y' } },
      });
    });
    await assert.rejects(
      rig.dispatcher.invoke('flow', {}, context),
      (error: unknown) =>
        error instanceof RpcError &&
        error.code === -32001 &&
        error.reason === 'gone' &&
        error.details['nearest'] === 'y',
    );
  });

  it('tells the handler who calls, by what way, and whether an answer is wanted', async () => {
    const rig = createRpcRig();
    const seen: RpcCall[] = [];
    rig.methods.declare(method('m', { params: { properties: { a: {} } } }), (taken) => {
      seen.push(taken);
      rig.dispatcher.settle(taken.id, { result: 1 });
    });
    await rig.dispatcher.handle('{"jsonrpc":"2.0","method":"m","params":[7]}', context);
    assert.deepEqual(seen, [
      {
        id: seen[0]?.id,
        method: 'm',
        params: { a: 7 },
        principal: admin,
        transport: 'flow',
        notification: true,
      },
    ]);
  });

  it('ends everything with -32603 when it closes, and takes nothing more', async () => {
    const rig = createRpcRig();
    rig.methods.declare(method('m'), () => undefined);
    const answer = call(rig, request('m'));
    rig.dispatcher.close();
    assert.equal((await answer).error?.code, -32603);
    assert.equal((await call(rig, request('m'))).error?.code, -32603);
    assert.equal(rig.clock.pending(), 0);
  });

  it('counts and logs what a transport could not even read', () => {
    const rig = createRpcRig();
    const error = new RpcError(ErrorCode.ResourceExhausted, 'a body may have 10 bytes');
    const text = rig.dispatcher.refuse(error, { principal: undefined, transport: 'http' });
    assert.deepEqual(JSON.parse(text), { jsonrpc: '2.0', error: error.toObject(), id: null });
    assert.equal(rig.dispatcher.stats().errors['-32006'], 1);
    assert.match(rig.lines[0] ?? '', /a body may have 10 bytes/);
  });

  it('logs what it refuses once in ten seconds per kind, in one clean line', async () => {
    const rig = createRpcRig();
    for (let i = 0; i < 50; i++) await call(rig, '[\u0007\u001b[31m]');
    assert.equal(rig.lines.length, 1);
    assert.doesNotMatch(rig.lines[0] ?? '', /\p{Cc}/u);
    rig.clock.advance(10_000);
    await call(rig, '{');
    assert.match(rig.lines[1] ?? '', /49 more/);
    assert.equal(rig.dispatcher.stats().errors['-32700'], 51);
  });
});
