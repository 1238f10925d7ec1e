import type { Clock } from '../clock.ts';
import type { DeviceRegistry } from '../device/ports.ts';
import { isObject, type JsonObject } from '../document.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { isPlainPlace } from '../rpc/quoted.ts';
import type { AuditTrail } from '../security/audit.ts';
import { createCommandMemory } from '../security/command-memory.ts';
import type { PolicyRule } from '../security/policy.ts';
import {
  isCriticalBy,
  isFor,
  objectionOf,
  type Objection,
  type Order,
} from '../security/policy-rules.ts';
import { masked } from '../security/sensitive.ts';
import type { Principal } from '../security/types.ts';
import type { TelemetryStore } from '../telemetry/ports.ts';
import type { RequireSignature } from './call-signature.ts';
import type { CommandRequest } from './request.ts';
import type { CommandRecord } from './types.ts';

/** A policy as its config node has it. */
export interface Policy {
  name: string;
  /** For every command; otherwise for those of `execute` nodes that name it. */
  always: boolean;
  /** A policy that could not be read lets no command go that it is for. */
  rules: PolicyRule[] | { problem: string };
}

/** What stands between everybody and the devices: the one place where signatures and policies are enforced. */
export interface CommandGuard {
  /** Sets the policy of a config node. @param sent commands known so far, the oldest first */
  setPolicy(id: string, policy: Policy, sent: Iterable<CommandRecord>): void;
  removePolicy(id: string): void;
  /** Whether this command needs a signature. @param under ids of policies besides those that are always there */
  isCritical(request: CommandRequest, under: readonly string[]): boolean;
  requireSignature: RequireSignature;
  /** @throws RpcError -32005 with the name of the rule in `data.policy` and what it allows in `data.allowed` */
  requirePolicy(
    request: CommandRequest,
    principal: Principal | undefined,
    under: readonly string[],
  ): void;
  /** What `requirePolicy` would throw now; nothing is on record of it. */
  refusalOf(
    request: CommandRequest,
    principal: Principal | undefined,
    under: readonly string[],
  ): RpcError | undefined;
  /** Tells that a command leaves now; together with `requirePolicy`, without a wait between. */
  sent(id: string, request: CommandRequest): void;
  done(id: string, request: CommandRequest): void;
}

export function createCommandGuard(deps: {
  registry: Pick<DeviceRegistry, 'resolve' | 'canSee'>;
  store: Pick<TelemetryStore, 'latest'>;
  requireSignature: RequireSignature;
  audit: AuditTrail;
  clock: Clock;
}): CommandGuard {
  const { registry, store, audit, clock } = deps;
  const policies = new Map<string, Policy>();
  const memory = createCommandMemory();

  const inForce = (under: readonly string[]): Policy[] => [
    ...[...policies.values()].filter(({ always }) => always),
    ...under.flatMap((id) => {
      const policy = policies.get(id);
      if (policy) return policy.always ? [] : [policy];
      const problem = 'the policy that is chosen for this command is not there';
      return [{ name: 'policy', always: false, rules: { problem } }];
    }),
  ];
  const rulesOf = (all: Iterable<Policy>): PolicyRule[] =>
    [...all].flatMap(({ rules }) => (Array.isArray(rules) ? rules : []));
  const orderOf = ({ target, targetId, command, arguments: args }: CommandRequest): Order => ({
    ...{ device: target.device, targetId, command, arguments: args },
  });

  const objection = (order: Order, under: readonly string[]): Objection | undefined => {
    const now = clock.now();
    const applied = inForce(under);
    for (const { name, rules } of applied)
      if (!Array.isArray(rules))
        return { policy: name, reason: `no command may leave: ${rules.problem}`, allowed: {} };
    const rules = rulesOf(applied);
    const full = rules.find(
      (rule) => rule.rate && isFor(rule, order) && memory.isFull(order, rule, now),
    );
    if (full) return { policy: full.name, reason: 'too many changes within a minute', allowed: {} };
    return objectionOf(rules, order, {
      now,
      latest: (id) => store.latest([id]),
      isOnline: (id) => registry.resolve(id)?.device.status === 'online',
      valuesInEffect: (of, rule) => memory.valuesInEffect(of, rule, now),
      newestOf: (id, commands) => memory.newestOf(id, commands),
    });
  };

  /** Whether what a rule says would tell somebody of a device that their scope hides. */
  const dependsOnHidden = (
    { allowed: { interlock } }: Objection,
    principal: Principal | undefined,
  ): boolean =>
    isObject(interlock) &&
    typeof interlock['device_id'] === 'string' &&
    !registry.canSee(principal, interlock['device_id']);

  const refusal = (
    found: Objection,
    request: CommandRequest,
    principal: Principal | undefined,
  ): RpcError => {
    const { policy, reason, allowed } = found;
    if (dependsOnHidden(found, principal))
      return new RpcError(
        ErrorCode.Unauthorized,
        `policy ${policy}: ${request.command} depends on a device that is not in the scope of this key`,
        { policy },
      );
    const wait = allowed['retry_after_ms'];
    return new RpcError(ErrorCode.Unauthorized, `policy ${policy}: ${reason}`, {
      ...{ policy, allowed },
      ...(typeof wait === 'number' && { retry_after_ms: wait, retryable: true }),
      ...(fixWithinRange(allowed, request.arguments) ?? {}),
    });
  };

  return {
    setPolicy(id, policy, records) {
      policies.set(id, policy);
      const before = [...records].flatMap((record): Parameters<typeof memory.sent>[] => {
        const { command_id, command, arguments: args, state } = record;
        const targetId = record.sensor_id ?? record.device_id;
        const device = registry.resolve(targetId)?.device;
        if (!device) return [];
        const at = Date.parse(record.sent_at ?? record.created_at);
        const sent = { id: command_id, targetId, command, arguments: args, done: state === 'done' };
        return [
          [
            { device, targetId, command, arguments: args },
            { ...sent, at },
          ],
        ];
      });
      memory.watch(rulesOf(policies.values()), before);
    },
    removePolicy: (id) => void policies.delete(id),
    isCritical: (request, under) =>
      request.critical || isCriticalBy(rulesOf(inForce(under)), orderOf(request)),
    requireSignature: deps.requireSignature,
    requirePolicy(request, principal, under) {
      const order = orderOf(request);
      const found = objection(order, under);
      if (!found) return;
      const { policy, reason, allowed } = found;
      const said = `policy ${policy}: ${reason}`;
      audit.record({
        action: 'policy',
        outcome: 'refused',
        subject: request.command,
        ...(principal && { principal }),
        device_id: request.targetId,
        code: ErrorCode.Unauthorized,
        reason: said,
        policy,
        details: { arguments: masked(request.arguments, request.sensitive), allowed },
      });
      throw refusal(found, request, principal);
    },
    refusalOf(request, principal, under) {
      const found = objection(orderOf(request), under);
      return found && refusal(found, request, principal);
    },
    sent(id, request) {
      const { targetId, command, arguments: args } = request;
      const at = clock.now();
      memory.sent(orderOf(request), { id, targetId, command, arguments: args, done: false, at });
    },
    done: (id, { targetId }) => memory.done(targetId, id),
  };
}

/** The argument that a rule bounds, at its bound. */
function fixWithinRange(
  { argument, min, max }: JsonObject,
  args: JsonObject,
): JsonObject | undefined {
  if (typeof argument !== 'string' || !Object.hasOwn(args, argument)) return undefined;
  const place = `arguments.${argument}`;
  const value = args[argument];
  if (typeof value !== 'number' || !isPlainPlace(place)) return undefined;
  const nearest = typeof max === 'number' && value > max ? max : min;
  return typeof nearest === 'number' ? { fix: { set: { [place]: nearest } } } : undefined;
}

/** The guard of an executor that was given none: no policies, and what is critical does not leave. */
export const closedGuard: CommandGuard = {
  setPolicy: () => undefined,
  removePolicy: () => undefined,
  isCritical: ({ critical }) => critical,
  requireSignature: () =>
    Promise.reject(new RpcError(ErrorCode.Unauthorized, 'critical commands are not taken here')),
  requirePolicy: () => undefined,
  refusalOf: () => undefined,
  sent: () => undefined,
  done: () => undefined,
};
