import { mayCall } from '../security/permissions.ts';
import { roles, type Principal } from '../security/types.ts';
import { compileSchema } from '../schema/validator.ts';
import type { SchemaCheck } from '../schema/validator.ts';
import { ErrorCode, RpcError } from './errors.ts';
import type { CallHandler, JsonSchema, MethodDeclaration, MethodTable } from './types.ts';

/** A declared method with what it takes to call it. */
export interface MethodEntry {
  declaration: MethodDeclaration;
  check: SchemaCheck;
  handler: CallHandler;
}

/** A method table that can also be called through. */
export interface CallableMethods extends MethodTable {
  /** The method as this principal may know it. */
  entry(name: string, principal: Principal | undefined): MethodEntry | undefined;
}

const nameGrammar = /^[A-Za-z][\w-]*(\.[\w-]+)*$/;
const maxNameLength = 128;
/** Names in `rpc.` belong to JSON-RPC itself and its extensions; these are ours. */
const allowedReserved = new Set(['rpc.methods', 'rpc.discover']);
const maxTimeoutMs = 3_600_000;

export function createMethodTable(): CallableMethods {
  const entries = new Map<string, MethodEntry>();
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of [...listeners]) listener();
  };

  return {
    declare(declaration, handler) {
      checkDeclaration(declaration);
      const { name } = declaration;
      if (entries.has(name)) {
        throw invalid(
          'name',
          `the method ${name} is declared already; every name can be used once`,
        );
      }
      const entry = { declaration, check: compile(declaration.params, 'params'), handler };
      if (declaration.result) compile(declaration.result, 'result');
      entries.set(name, entry);
      changed();
      return () => {
        if (entries.get(name) !== entry) return;
        entries.delete(name);
        changed();
      };
    },
    entry(name, principal) {
      const entry = entries.get(name);
      const declaration = entry && asSeen(entry.declaration, principal);
      if (!entry || !declaration) return undefined;
      // What a device declared of its method is checked again when it is called.
      return declaration === entry.declaration
        ? entry
        : { ...entry, declaration, check: unchecked };
    },
    get: (name) => entries.get(name)?.declaration,
    list: (principal) =>
      [...entries.values()]
        .flatMap(({ declaration }) => asSeen(declaration, principal) ?? [])
        .filter((declaration) => mayCall(declaration, principal))
        .sort((a, b) => (a.name < b.name ? -1 : 1)),
    names: () => [...entries.keys()].sort(),
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
  };
}

const unchecked: SchemaCheck = () => undefined;

function asSeen(
  declaration: MethodDeclaration,
  principal: Principal | undefined,
): MethodDeclaration | undefined {
  return principal && declaration.seenBy ? declaration.seenBy(principal) : declaration;
}

function invalid(field: string, reason: string, details: Record<string, unknown> = {}): RpcError {
  return new RpcError(ErrorCode.InvalidParams, reason, { field, ...details });
}

function checkDeclaration({ name, roles: admitted, timeoutMs, params }: MethodDeclaration): void {
  if (name.length > maxNameLength || !nameGrammar.test(name)) {
    throw invalid(
      'name',
      `a method name is words of letters, digits, _ and - with dots between, at most ${maxNameLength} characters`,
    );
  }
  if (name.startsWith('rpc.') && !allowedReserved.has(name)) {
    throw invalid('name', 'names that begin with rpc. are reserved by JSON-RPC');
  }
  const unknown = admitted.find((role) => !roles.includes(role));
  if (unknown !== undefined) {
    throw invalid('roles', `there is no role ${unknown}`, { allowed: roles });
  }
  if (!(timeoutMs > 0 && timeoutMs <= maxTimeoutMs)) {
    throw invalid('timeoutMs', `a timeout must be above 0 and at most ${maxTimeoutMs} ms`);
  }
  const type = params['type'];
  if (type !== undefined && type !== 'object') {
    throw invalid('params', 'the schema of params must be of type object');
  }
}

function compile(schema: JsonSchema, field: string): SchemaCheck {
  try {
    return compileSchema(schema);
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    throw invalid(field, `${field}: ${error.reason}`, error.details);
  }
}
