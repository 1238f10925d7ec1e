import type { RpcRig } from './rpc-rig.ts';

/** One example of the JSON-RPC 2.0 specification's section "Examples"; `answer` is undefined for silence. */
export interface JsonRpcExample {
  title: string;
  send: string;
  answer: string | undefined;
}

const positional = (...names: string[]) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((name) => [name, { type: 'number' }])),
});

/** Declares the methods the examples call. */
export function declareExampleMethods({ answer }: RpcRig): void {
  const sum = (params: Record<string, unknown>) =>
    Object.values(params).reduce<number>((total, value) => total + (value as number), 0);
  answer('subtract', ({ minuend, subtrahend }) => Number(minuend) - Number(subtrahend), {
    params: positional('minuend', 'subtrahend'),
  });
  answer('sum', sum, { params: positional('a', 'b', 'c') });
  answer('update', () => 'unheard', { params: positional('a', 'b', 'c', 'd', 'e') });
  answer('notify_hello', () => 'unheard', { params: positional('a') });
  answer('notify_sum', sum, { params: positional('a', 'b', 'c') });
  answer('get_data', () => ['hello', 5]);
}

/** All of them, in the order and the words of the specification. */
export const jsonRpcExamples: JsonRpcExample[] = [
  {
    title: 'rpc call with positional parameters',
    send: '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
    answer: '{"jsonrpc": "2.0", "result": 19, "id": 1}',
  },
  {
    title: 'rpc call with positional parameters (swapped)',
    send: '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
    answer: '{"jsonrpc": "2.0", "result": -19, "id": 2}',
  },
  {
    title: 'rpc call with named parameters',
    send: '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
    answer: '{"jsonrpc": "2.0", "result": 19, "id": 3}',
  },
  {
    title: 'rpc call with named parameters (other order)',
    send: '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
    answer: '{"jsonrpc": "2.0", "result": 19, "id": 4}',
  },
  {
    title: 'a Notification',
    send: '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}',
    answer: undefined,
  },
  {
    title: 'a Notification of a method that is not there',
    send: '{"jsonrpc": "2.0", "method": "foobar"}',
    answer: undefined,
  },
  {
    title: 'rpc call of non-existent method',
    send: '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
    answer:
      '{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}',
  },
  {
    title: 'rpc call with invalid JSON',
    send: '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
    answer: '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
  },
  {
    title: 'rpc call with invalid Request object',
    send: '{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
    answer:
      '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}',
  },
  {
    title: 'rpc call Batch, invalid JSON',
    send: '[\n  {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},\n  {"jsonrpc": "2.0", "method"\n]',
    answer: '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}',
  },
  {
    title: 'rpc call with an empty Array',
    send: '[]',
    answer:
      '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}',
  },
  {
    title: 'rpc call with an invalid Batch (but not empty)',
    send: '[1]',
    answer:
      '[{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]',
  },
  {
    title: 'rpc call with invalid Batch',
    send: '[1,2,3]',
    answer: `[
      {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
      {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
      {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}
    ]`,
  },
  {
    title: 'rpc call Batch',
    send: `[
      {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
      {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
      {"foo": "boo"},
      {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
      {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]`,
    answer: `[
      {"jsonrpc": "2.0", "result": 7, "id": "1"},
      {"jsonrpc": "2.0", "result": 19, "id": "2"},
      {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
      {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
      {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"}
    ]`,
  },
  {
    title: 'rpc call Batch (all notifications)',
    send: `[
      {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}
    ]`,
    answer: undefined,
  },
];

/** A response without the `data` of its errors, which the specification leaves to the server. */
export function withoutErrorData(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  return JSON.parse(text, (key, value: unknown) => {
    if (key !== 'error') return value;
    const { code, message } = value as { code: number; message: string };
    return { code, message };
  });
}
