import type { AnswerDeps } from '../core/answer/deps.ts';
import { readHistory } from '../core/answer/history.ts';
import { readLatest } from '../core/answer/latest.ts';
import { createWaiting, type Waiting } from '../core/answer/wait.ts';
import type { Resolver } from '../core/naming/types.ts';
import type { Principal } from '../core/security/types.ts';

type Params = Record<string, unknown>;

/** Answers to a model about telemetry: within a budget, with what they rest on. */
export interface HubAnswers {
  deps: AnswerDeps;
  /** `telemetry.read`. @throws RpcError -32602 */
  read(params: Params, principal: Principal | undefined): object;
  /** `telemetry.history`. @throws RpcError -32602, -32005 */
  history(params: Params, principal: Principal | undefined): Promise<object>;
  /** `telemetry.wait`. @throws RpcError -32602, -32006 */
  wait: Waiting['wait'];
  observe: Waiting['observe'];
  close(): void;
}

export function createHubAnswers({
  naming,
  zone,
  ...given
}: Omit<AnswerDeps, 'resolve' | 'resolveAll' | 'zone'> & {
  naming: Pick<Resolver, 'resolveDevice' | 'resolveDevices'>;
  /** IANA name; that of the machine if it is not told. */
  zone: string | undefined;
}): HubAnswers {
  const deps: AnswerDeps = {
    ...given,
    zone: zone ?? systemZone(),
    resolve: (...phrase) => naming.resolveDevice(...phrase),
    resolveAll: (...phrase) => naming.resolveDevices(...phrase),
  };
  const waiting = createWaiting(deps);
  return {
    deps,
    read: (params, principal) => readLatest(params, principal, deps),
    history: (params, principal) => readHistory(params, principal, deps),
    wait: (params, principal) => waiting.wait(params, principal),
    observe: (readings) => waiting.observe(readings),
    close: () => waiting.close(),
  };
}

/** The time zone of the machine. */
const systemZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;
