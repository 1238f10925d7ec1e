import type { NodeAPI } from 'node-red';
import { ErrorCode, RpcError } from './core/rpc/errors.ts';
import { paramsOf } from './runtime/message.ts';
import { registerOperation, type HubNodeDef } from './runtime/node-kit.ts';

interface SchemaRegistryDef extends HubNodeDef {
  operation: 'list' | 'get' | 'register';
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : undefined;

/** The library of device schemas and sensor templates: `schema.list`, `schema.get`, `schema.register`. */
export default function (RED: NodeAPI): void {
  registerOperation<SchemaRegistryDef>(
    RED,
    'llm-iot-schema-registry',
    async (hub, message, { operation }) => {
      const params = paramsOf(message);
      if (operation === 'list') return { payload: hub.schemas.list(params) };
      if (operation === 'register')
        return {
          payload: await hub.schemas.register(params, message.rpc?.principal?.id ?? 'flow'),
        };
      const name = text(params['name']);
      if (!name) throw new RpcError(ErrorCode.InvalidParams, 'name a schema', { field: 'name' });
      return { payload: hub.schemas.get(name, text(params['version'])) };
    },
  );
}
