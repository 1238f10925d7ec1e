import { createRequire } from 'node:module';
import { Parser } from '@asyncapi/parser';

const require = createRequire(import.meta.url);

/** What is wrong with an AsyncAPI document, by the official parser; hints and warnings are not. */
export async function asyncApiErrors(document: unknown): Promise<string[]> {
  const diagnostics = await new Parser().validate(JSON.stringify(document));
  const error = 0;
  return diagnostics
    .filter(({ severity }) => (severity as number) === error)
    .map(({ path, message }) => `${path.join('.')}: ${message}`);
}

/** What is wrong with an OpenRPC document, by its meta-schema; undefined when nothing is. */
export function openRpcErrors(document: object): string | undefined {
  // Its types do not compile under the rules of this project.
  const { validateOpenRPCDocument } = require('@open-rpc/schema-utils-js') as {
    validateOpenRPCDocument: (document: object) => true | Error;
  };
  const verdict = validateOpenRPCDocument(document);
  return verdict === true ? undefined : verdict.message;
}

/** A call that the coverage tool makes, and what came of it. */
export interface CoveredCall {
  methodName: string;
  params: unknown;
  valid?: boolean;
  reason?: string;
  result?: unknown;
  error?: { code: number; data?: unknown };
}

/**
 * Calls every method of an OpenRPC document by the official tool, with params made up from the schemas (all of them three
 * times, the required ones once), or with the examples where a method has some: a result has to fit the schema of the
 * result, an error has to be one that the method lists, and none may be a failure inside the hub (-32603).
 */
export async function coverOpenRpc(
  document: object,
  options: {
    skip: readonly string[];
    call: (method: string, params: unknown) => Promise<unknown>;
  },
): Promise<CoveredCall[]> {
  const { parseOpenRPCDocument } = require('@open-rpc/schema-utils-js') as {
    parseOpenRPCDocument: (document: object) => Promise<{
      methods: { name: string; errors: { code: number }[] }[];
    }>;
  };
  const { default: cover } = require('@open-rpc/test-coverage/build/coverage') as {
    default: (options: object) => Promise<CoveredCall[]>;
  };
  interface Rule {
    getCalls(document: object, method: { params: { required?: boolean }[] }): CoveredCall[];
    validateCall(call: CoveredCall): CoveredCall;
  }
  type Made = new (options?: object) => Rule;
  const ruleOf = (name: string): Made =>
    (require(`@open-rpc/test-coverage/build/rules/${name}`) as { default: Made }).default;
  const openrpcDocument = await parseOpenRPCDocument(document);
  const listed = new Map(
    openrpcDocument.methods.map(({ name, errors }) => [name, errors.map(({ code }) => code)]),
  );
  const withRequiredOnly = new (ruleOf('json-schema-faker-rule'))({ numCalls: 1 });
  const getCalls = withRequiredOnly.getCalls.bind(withRequiredOnly);
  withRequiredOnly.getCalls = (whole, method) =>
    getCalls(whole, { ...method, params: method.params.filter(({ required }) => required) });
  const rules = [
    withRequiredOnly,
    new (ruleOf('json-schema-faker-rule'))({ numCalls: 3 }),
    new (ruleOf('examples-rule'))(),
  ];
  for (const rule of rules) {
    const ofResult = rule.validateCall.bind(rule);
    rule.validateCall = (call) => {
      if (!call.error) return ofResult(call);
      const { code } = call.error;
      call.valid = code !== -32603 && listed.get(call.methodName)?.includes(code) === true;
      if (!call.valid) call.reason = `an error that is not listed: ${JSON.stringify(call.error)}`;
      return call;
    };
  }
  return cover({
    openrpcDocument,
    skip: options.skip,
    only: [],
    rules,
    reporters: [],
    transport: (_url: string, method: string, params: unknown) => options.call(method, params),
  });
}
