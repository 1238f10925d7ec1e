import type { Node, NodeAPI } from 'node-red';
import { ErrorCode, RpcError } from './core/rpc/errors.ts';
import type { JsonSchema } from './core/rpc/types.ts';
import { compileSchema, type SchemaCheck } from './core/schema/validator.ts';
import { onInput, useHub, type HubNodeDef } from './runtime/node-kit.ts';
import { checkTelemetry } from './runtime/telemetry-check.ts';

interface ValidateDef extends HubNodeDef {
  what: 'telemetry' | 'schema';
  /** JSON text. */
  schema: string;
}

/** Lets valid messages pass; what is not goes out of output 2 with the reasons. */
export default function (RED: NodeAPI): void {
  RED.nodes.registerType('llm-iot-validate', function (this: Node, def: ValidateDef) {
    RED.nodes.createNode(this, def);
    const kit = useHub(RED, this, def.hub);
    let problemsOf: SchemaCheck | undefined;
    try {
      if (def.what === 'schema') problemsOf = compile(def.schema);
    } catch (error) {
      kit.misconfigured(error);
    }
    onInput(this, kit, 1, async ({ hub, message, send }) => {
      if (def.what === 'schema') {
        if (!problemsOf) throw new Error('the schema of this node is unusable');
        const problems = problemsOf(message.payload);
        if (problems)
          throw new RpcError(
            ErrorCode.SchemaValidationFailed,
            `${problems[0]?.field ?? ''} ${problems[0]?.problem ?? ''}`.trim(),
            { problems },
          );
        kit.showReady();
        send(message);
        return;
      }
      const { valid, refused } = await checkTelemetry(hub, message, this.id);
      if (refused.length > 0) kit.showRefused(refused[0]?.error?.message ?? '');
      else kit.showReady();
      send([valid, refused]);
    });
  });
}

const compile = (schema: string): SchemaCheck => compileSchema(JSON.parse(schema) as JsonSchema);
