import type { Clock } from '../../nodes/core/clock.ts';
import { createDispatcher } from '../../nodes/core/rpc/dispatcher.ts';
import type { DispatcherLimits } from '../../nodes/core/rpc/dispatcher.ts';
import { createMethodTable } from '../../nodes/core/rpc/method-table.ts';
import type { CallHandler, MethodDeclaration } from '../../nodes/core/rpc/types.ts';
import { createCallRate } from '../../nodes/core/security/call-rate.ts';
import { createAuthorizer } from '../../nodes/core/security/permissions.ts';
import type { Principal } from '../../nodes/core/security/types.ts';
import { createFakeClock } from './fake-clock.ts';
import { createFakeIds } from './fake-ids.ts';

export const admin: Principal = { id: 'admin', role: 'llm_admin' };

/** A declaration with everything but its name filled in. */
export function method(name: string, more: Partial<MethodDeclaration> = {}): MethodDeclaration {
  return {
    name,
    description: name,
    params: { type: 'object' },
    roles: ['llm_read'],
    readOnly: true,
    destructive: false,
    timeoutMs: 1000,
    ...more,
  };
}

/** A dispatcher with its neighbours, a fake clock and a log that is kept. */
export function createRpcRig(
  options: {
    limits?: Partial<DispatcherLimits>;
    clock?: Clock;
    ownerOf?: (id: string) => string | undefined;
  } = {},
) {
  const fakeClock = createFakeClock();
  const clock = options.clock ?? fakeClock;
  const ids = createFakeIds();
  const methods = createMethodTable();
  const lines: string[] = [];
  const write = (text: string): void => {
    lines.push(text);
  };
  const dispatcher = createDispatcher({
    methods,
    clock,
    ids,
    authorize: createAuthorizer({
      ownerOf: options.ownerOf ?? (() => undefined),
      requireSeen: () => undefined,
      rate: createCallRate({ clock }),
    }),
    log: { info: write, warn: write, error: write },
    ...(options.limits ? { limits: options.limits } : {}),
  });
  /** Declares a method that is answered at once by what `fn` returns or throws. */
  const answer = (
    name: string,
    fn: (params: Record<string, unknown>) => unknown,
    more: Partial<MethodDeclaration> = {},
  ): (() => void) => {
    const handler: CallHandler = (call) => {
      dispatcher.settle(call.id, { result: fn(call.params) });
    };
    return methods.declare(method(name, more), handler);
  };
  return { clock: fakeClock, ids, methods, dispatcher, lines, answer };
}

export type RpcRig = ReturnType<typeof createRpcRig>;
