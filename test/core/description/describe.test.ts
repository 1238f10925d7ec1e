import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeAsyncApi } from '../../../nodes/core/description/asyncapi.ts';
import { llmsText } from '../../../nodes/core/description/llms-text.ts';
import { describeOpenRpc } from '../../../nodes/core/description/openrpc.ts';
import { toolSchema, withoutRefs } from '../../../nodes/core/description/plain-schema.ts';
import { describeTools, toolFormats } from '../../../nodes/core/description/tool-formats.ts';
import { createMethodTable } from '../../../nodes/core/rpc/method-table.ts';
import type { MethodDeclaration } from '../../../nodes/core/rpc/types.ts';
import { compileSchema } from '../../../nodes/core/schema/validator.ts';
import type { Principal } from '../../../nodes/core/security/types.ts';
import { asyncApiErrors, openRpcErrors } from '../../support/described.ts';
import { admin, method } from '../../support/rpc-rig.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const reader: Principal = { id: 'r', role: 'llm_read' };
const place = {
  version: '1.0.0',
  host: 'hub.example:1880',
  secure: true,
  wsPath: '/ws',
  mqttUrls: ['mqtt://0.0.0.0:1883', 'mqtts://[::]:8883'],
};
const url = 'http://localhost:1880/rpc';
const paths = { rpcPath: '/rpc', wsPath: '/ws', mcpPath: '/mcp', documentsPath: '' };

const tableOf = (...declarations: MethodDeclaration[]) => {
  const table = createMethodTable();
  for (const declaration of declarations) table.declare(declaration, () => undefined);
  return table;
};

const tree = {
  type: 'object',
  $defs: {
    node: { type: 'object', properties: { next: { $ref: '#/$defs/node' }, is: { const: 1 } } },
  },
  properties: {
    start: { $ref: '#/$defs/node' },
    enum: { enum: [{ $ref: '/etc/passwd' }] },
    any: true,
  },
  required: ['start'],
  anyOf: [{ required: ['start'] }, { required: ['any'] }],
};

const twigs = {
  ...tree,
  $defs: { node: { type: 'object', properties: { is: { const: 1 } } } },
};

/** The shipped methods as the flow declares them. */
interface RpcInNode {
  type: string;
  method: string;
  description: string;
  params: string;
  result: string;
  tool?: boolean;
  deviceMethods: boolean;
}
const shipped = (JSON.parse(readFileSync(join(root, 'flows', 'hub.json'), 'utf8')) as RpcInNode[])
  .filter(({ type, deviceMethods }) => type === 'llm-iot-rpc-in' && !deviceMethods)
  .map((node) =>
    method(node.method, {
      description: node.description,
      params: JSON.parse(node.params) as Record<string, unknown>,
      result: JSON.parse(node.result) as Record<string, unknown>,
      ...(node.tool && { tool: true }),
    }),
  );

describe('schemas for other documents', () => {
  it('have no references, not even in data, and end where a schema refers to itself', () => {
    const { $defs, ...rest } = withoutRefs(tree);
    assert.equal($defs, undefined);
    assert.deepEqual(rest['properties'], {
      start: { type: 'object', properties: { next: {}, is: { const: 1 } } },
      enum: {},
      any: {},
    });
  });

  it('stay small when references multiply', () => {
    const $defs: Record<string, object> = { d0: { type: 'string' } };
    for (let level = 1; level <= 15; level++)
      $defs[`d${level}`] = {
        properties: Object.fromEntries(
          ['a', 'b', 'c'].map((name) => [name, { $ref: `#/$defs/d${level - 1}` }]),
        ),
      };
    const text = JSON.stringify(withoutRefs({ $defs, properties: { x: { $ref: '#/$defs/d15' } } }));
    assert.ok(text.length < 400_000, String(text.length));
  });

  it('lead nowhere by a reference out of the document or to what is not there', () => {
    for (const $ref of ['https://example.org/x', '#/nowhere', '#/%E0%A4%A', '#/constructor'])
      assert.deepEqual(withoutRefs({ properties: { a: { $ref } } }), { properties: { a: {} } });
  });

  it('are of an object and without combinations at the top for tools', () => {
    const schema = toolSchema({ ...tree, if: {}, patternProperties: { a: {} } });
    assert.deepEqual(Object.keys(schema).sort(), ['properties', 'required', 'type']);
    assert.deepEqual(toolSchema({}), { type: 'object', properties: {} });
  });

  it('a property may be called like a keyword', () => {
    const properties = { $ref: { type: 'string' }, not: { type: 'string' }, if: {} };
    assert.deepEqual(toolSchema({ properties }).properties, properties);
  });
});

describe('the definitions of tools', () => {
  it('have the shape of each API, and a name it takes', () => {
    const long = 'x'.repeat(70);
    const table = tableOf(
      method('a.read', { roles: ['llm_read'], tool: true, params: twigs }),
      method('a.write', { roles: ['llm_write'], tool: true }),
      method('a.other', { roles: ['llm_read'] }),
      method(`${long}.one`, { roles: ['llm_read'], tool: true }),
      method(`${long}.two`, { roles: ['llm_read'], tool: true }),
    );
    const { tools, methods } = describeTools(table, reader, 'anthropic');
    assert.equal(tools.length, 3);
    assert.deepEqual(Object.keys(tools[0]!).sort(), ['description', 'input_schema', 'name']);
    assert.equal(methods['a_read'], 'a.read');
    assert.equal(new Set(Object.values(methods)).size, 3);
    for (const name of Object.keys(methods)) assert.match(name, /^[\w-]{1,64}$/);
    const [first] = describeTools(table, reader, 'openai').tools as {
      type: string;
      function: { name: string; parameters: object };
    }[];
    assert.equal(first?.type, 'function');
    assert.deepEqual(Object.keys(first.function).sort(), ['description', 'name', 'parameters']);
    assert.ok(!JSON.stringify(tools).includes('$'));
  });

  it('of the hub as shipped fit: 2.5 KB each, 16 KB in all, eight at most', () => {
    for (const format of toolFormats) {
      const { tools } = describeTools(tableOf(...shipped), admin, format);
      assert.ok(tools.length > 0 && tools.length <= 8, String(tools.length));
      for (const tool of tools) {
        const bytes = Buffer.byteLength(JSON.stringify(tool));
        assert.ok(bytes <= 2_560, `${bytes} bytes: ${JSON.stringify(tool).slice(0, 80)}`);
      }
      assert.ok(Buffer.byteLength(JSON.stringify(tools)) <= 16_384);
    }
  });

  it('allow whatever the method allows', () => {
    const value = { start: { is: 1 } };
    assert.equal(compileSchema(twigs)(value), undefined);
    assert.equal(compileSchema(toolSchema(twigs))(value), undefined);
    assert.ok(compileSchema(toolSchema(twigs))({ start: { is: 2 } }));
  });
});

describe('the OpenRPC document', () => {
  it('is valid for all the hub ships, with required params first and the errors of each', () => {
    const document = describeOpenRpc(tableOf(...shipped), admin, { version: '1', url });
    assert.equal(document.methods.length, shipped.length);
    assert.equal(openRpcErrors(document), undefined);
    for (const one of document.methods as { params: { required: boolean }[]; errors: object[] }[]) {
      const required = one.params.map((param) => param.required);
      assert.deepEqual(
        required,
        [...required].sort((a, b) => Number(b) - Number(a)),
      );
      for (const error of one.errors as { $ref: string }[])
        assert.ok(document.components.errors[error.$ref.split('/').at(-1)!]);
    }
  });

  it('has the examples of a schema, what its properties do not say, and whose words it has', () => {
    const document = describeOpenRpc(
      tableOf(
        method('a', {
          params: { ...twigs, examples: [{ start: {} }] },
          result: { type: 'number', examples: [7] },
        }),
        method('b', { device: { device_ids: ['d1'] } }),
      ),
      admin,
      { version: '1', url },
    );
    assert.equal(openRpcErrors(document), undefined);
    const [a, b] = document.methods as Record<string, unknown>[];
    assert.deepEqual(a!['examples'], [
      {
        name: 'example 1',
        params: [{ name: 'start', value: {} }],
        result: { name: 'result', value: 7 },
      },
    ]);
    assert.ok(a!['x-params-schema']);
    assert.deepEqual(b!['x-untrusted'], ['name', 'params']);
    assert.deepEqual(b!['x-device-ids'], ['d1']);
  });

  it('says so when there are too many methods', () => {
    const many = Array.from({ length: 1_001 }, (_unused, index) => method(`m${index}`));
    const document = describeOpenRpc(tableOf(...many), admin, { version: '1', url });
    assert.equal(document.methods.length, 1_000);
    assert.deepEqual(document['x-truncated'], {
      ...{ reason: 'too many methods', shown: 1_000, total: 1_001 },
    });
  });
});

describe('the AsyncAPI document', function () {
  this.timeout(30_000);
  const channelsOf = (principal: Principal): string[] => {
    const document = describeAsyncApi(tableOf(...shipped), principal, place);
    return Object.keys((document as { channels: object }).channels).sort();
  };

  it('is valid for an administrator, with a server for each way in', async () => {
    const methods = tableOf(
      ...shipped,
      method('own.blink', { params: twigs, device: { device_ids: ['d1'] } }),
    );
    const document = describeAsyncApi(methods, admin, place);
    assert.deepEqual(await asyncApiErrors(document), []);
    const { servers } = document as { servers: Record<string, { host: string; protocol: string }> };
    assert.deepEqual(
      Object.values(servers).map(({ protocol, host }) => `${protocol}://${host}`),
      ['wss://hub.example:1880', 'mqtt://hub.example:1883', 'mqtts://hub.example:8883'],
    );
    const text = JSON.stringify(document);
    assert.ok(text.includes('llm-iot/devices/{deviceId}/telemetry'));
    assert.ok(text.includes('command.own.blink'));
  });

  it('has the topics a caller may use, and no others', async () => {
    assert.deepEqual(channelsOf(reader), ['rpc']);
    const device: Principal = { id: 'k', role: 'device', device_id: 'd1' };
    assert.deepEqual(channelsOf(device), [
      ...['announce', 'command-request', 'command-response', 'discovery-response', 'query'],
      ...['rpc', 'status', 'telemetry'],
    ]);
    const newcomer: Principal = { id: 'n', role: 'device', registration: true };
    assert.deepEqual(channelsOf(newcomer), ['announce', 'discovery-response', 'query', 'rpc']);
    for (const principal of [reader, device, newcomer]) {
      const document = describeAsyncApi(tableOf(...shipped), principal, place);
      assert.deepEqual(await asyncApiErrors(document), []);
    }
  });
});

describe('the text for models', () => {
  const table = tableOf(
    method('device.find', { roles: ['llm_read', 'llm_write'], tool: true, readOnly: true }),
    method('device.execute', { roles: ['llm_write'], tool: true, description: 'Runs\n# it' }),
    method('own.wink', { roles: ['llm_write'], device: { device_ids: ['d1'] } }),
  );

  it('tells who has no key the way in and no name of any method but those of the descriptions', () => {
    const text = llmsText(table, undefined, paths);
    assert.match(text, /Authorization: Bearer/);
    assert.ok(!text.includes('device.'), text);
  });

  it('names what a caller may use, and rules only for that', () => {
    const text = llmsText(table, reader, paths);
    assert.match(text, /`device_find`/);
    assert.match(text, /commands no devices/);
    assert.ok(!text.includes('execute'));
    const more = llmsText(table, { id: 'w', role: 'llm_write' }, paths);
    assert.match(more, /`device_execute`/);
    assert.match(more, /request_key/);
    assert.ok(more.includes('Runs # it'), 'a description stays on its line');
    assert.ok(!more.includes('own.wink'), 'names that devices made up are no instructions');
    assert.ok(more.length < 4_096);
  });
});
