import type { Clock } from '../clock.ts';
import type { JsonObject } from '../document.ts';
import type { Ids } from '../ids.ts';
import { invalidParam } from '../params.ts';
import { ErrorCode, RpcError } from '../rpc/errors.ts';
import { placeName } from '../rpc/quoted.ts';
import type { Principal } from '../security/types.ts';
import type { Reading } from '../telemetry/types.ts';
import { markUntrusted } from '../untrusted.ts';
import { readPlanRequest, type ResolvePhrase } from './plan-request.ts';
import { changesOf, configAfter, planStep, worldOf, type PlanWorld } from './plan-step.ts';
import type { CommandCheck, PlanResult, PlanStep } from './plan-types.ts';
import type { CommandRequest } from './request.ts';

const lifeMs = 300_000;
const mostOfOne = 20;
const mostPlans = 500;

/** A plan that can be carried out. */
export interface Plan {
  plan_id: string;
  /** Id of the principal. */
  of: string;
  steps: { params: JsonObject; world: PlanWorld }[];
  /** Milliseconds. */
  until: number;
  used: boolean;
}

/**
 * Plans of commands, in memory: each for who made it, for five minutes, once. A restart of the hub forgets them; of one
 * principal the newest 20 are kept.
 */
export interface Plans {
  /** `device.plan`: tells what commands would do, and does nothing. @throws RpcError -32602 for params that are no plan */
  make(params: JsonObject, principal: Principal | undefined, check: CheckCommand): PlanResult;
  /** @throws RpcError -32602 for one that is not there, not the caller's, expired or used */
  find(planId: string, principal: Principal | undefined): Plan;
  /**
   * Checks that the world is as it was when the plan was made, and answers what is to be carried out now.
   * @throws RpcError -32001, -32002 while a device cannot be reached, the error of a policy that refuses now, -32602 with
   * `changed` when something else is so
   */
  requireSame(plan: Plan, check: CheckCommand): CommandRequest[];
  /** Uses it up. @throws RpcError -32602 */
  use(plan: Plan): void;
  size(): number;
}

export type CheckCommand = (params: JsonObject) => CommandCheck;

const teachAgain = {
  suggestions: ['Call device.plan again, look at what it answers, and carry that plan out.'],
  retryable: false,
};

export function createPlans(deps: {
  clock: Clock;
  ids: Ids;
  latest: (deviceId: string) => readonly Reading[];
  resolve?: (principal: Principal | undefined) => ResolvePhrase;
}): Plans {
  const { clock, ids, latest } = deps;
  /** The oldest first. */
  const plans = new Map<string, Plan>();

  const keep = (plan: Plan): void => {
    for (const [id, { until }] of plans) if (until <= clock.now()) plans.delete(id);
    const own = [...plans.values()].filter(({ of }) => of === plan.of);
    const oldest = own.length >= mostOfOne ? own[0] : [...plans.values()][0];
    if (oldest && (own.length >= mostOfOne || plans.size >= mostPlans))
      plans.delete(oldest.plan_id);
    plans.set(plan.plan_id, plan);
  };

  return {
    make(params, principal, check) {
      const { steps: asked } = readPlanRequest(params, deps.resolve?.(principal));
      const checks = asked.map((step) => check(step));
      const configs = new Map<string, JsonObject | undefined>();
      const steps = asked.map((step, index): PlanStep => {
        const found = checks[index] as CommandCheck;
        const { request } = found;
        if (!request) return planStep(step, found, undefined, []);
        const { targetId, target } = request;
        const holder = target.sensor ?? target.device;
        const config = configs.has(targetId) ? configs.get(targetId) : holder.applied_config;
        configs.set(targetId, configAfter(request, config));
        const readings = asked.length > 10 ? [] : readingsOf(request, latest);
        return planStep(step, found, config, readings);
      });
      const ok = steps.every((step) => step.ok);
      const plan: Plan = {
        ...{ plan_id: ids.uuid(), of: principal?.id ?? 'flow', used: false },
        until: clock.now() + lifeMs,
        steps: asked.flatMap((params, index) => {
          const request = checks[index]?.request;
          return request ? [{ params, world: worldOf(request) }] : [];
        }),
      };
      if (ok) keep(plan);
      const result: Omit<PlanResult, 'untrusted'> = {
        ...(ok && { plan_id: plan.plan_id, expires_at: new Date(plan.until).toISOString() }),
        ...{ ok, summary: summaryOf(steps), steps },
        ...(!ok && { suggestions: suggestionsOf(steps) }),
      };
      return markUntrusted(result, [
        ...['steps[].name', 'steps[].arguments', 'steps[].problems', 'steps[].state'],
        ...['steps[].predicted', 'steps[].inverse'],
      ]);
    },
    find(planId, principal) {
      const plan = plans.get(planId);
      if (!plan || plan.of !== (principal?.id ?? 'flow'))
        throw invalidParam(
          'plan_id',
          'there is no plan with this id; plans are kept for five minutes, for who made them, and not over a restart of the hub',
          teachAgain,
        );
      if (plan.used)
        throw invalidParam(
          'plan_id',
          'this plan was carried out already; each is good for once',
          teachAgain,
        );
      if (plan.until <= clock.now())
        throw invalidParam('plan_id', 'this plan has expired', teachAgain);
      return plan;
    },
    requireSame(plan, check) {
      const changed: { device_id: unknown; what: string }[] = [];
      const requests: CommandRequest[] = [];
      for (const { params, world } of plan.steps) {
        const { request, problems } = check(params);
        const [problem] = problems;
        if (!request) {
          const isGone = problem?.code === ErrorCode.DeviceNotFound;
          const what = isGone ? 'removed' : 'refused';
          const more = !isGone && problem ? { problem: problem.toObject().data } : {};
          changed.push({ device_id: params['device_id'], what, ...more });
          continue;
        }
        for (const what of changesOf(world, worldOf(request)))
          changed.push({ device_id: params['device_id'], what });
        // A device that is away or busy may be back before the plan expires.
        if (problem && changed.length === 0) throw problem;
        requests.push(request);
      }
      if (changed.length === 0) return requests;
      plans.delete(plan.plan_id);
      const [first] = changed;
      throw invalidParam(
        'plan_id',
        `the world is not as it was planned for: ${first?.what.replace('_', ' ')} of ${placeName(String(first?.device_id))} is not what it was; nothing was sent`,
        { changed: changed.slice(0, 20), untrusted: ['changed'], ...teachAgain },
      );
    },
    use(plan) {
      if (plan.used)
        throw invalidParam(
          'plan_id',
          'this plan was carried out already; each is good for once',
          teachAgain,
        );
      plan.used = true;
    },
    size: () => plans.size,
  };
}

function readingsOf(
  { target, targetId }: CommandRequest,
  latest: (deviceId: string) => readonly Reading[],
): Reading[] {
  return latest(target.device.device_id)
    .filter(({ sensor_id }) => !target.sensor || sensor_id === targetId)
    .toSorted((a, b) => b.timestamp - a.timestamp);
}

const count = (number: number, what: string): string =>
  `${number} ${what}${number === 1 ? '' : 's'}`;

function summaryOf(steps: readonly PlanStep[]): string {
  const devices = count(new Set(steps.map(({ device_id }) => device_id)).size, 'device');
  const bad = steps.filter(({ ok }) => !ok).length;
  if (bad > 0)
    return `${count(bad, 'problem')} in ${count(steps.length, 'command')} for ${devices}: this cannot be carried out. Nothing was done.`;
  const risk = (['critical', 'high', 'low', 'none'] as const).find((level) =>
    steps.some((step) => step.risk === level),
  );
  const changes = steps.flatMap(({ predicted }) => predicted.changes).length;
  const unknown = steps.filter(({ predicted }) => !predicted.known).length;
  const effect =
    unknown > 0
      ? `What ${unknown === steps.length ? 'they' : `${unknown} of them`} would change is not known.`
      : `${count(changes, 'setting')} would change.`;
  return [
    `${count(steps.length, 'command')} for ${devices} can be carried out; nothing was done yet.`,
    steps.length === 1 && unknown === 1 ? 'What it would change is not known.' : effect,
    `Risk: ${risk ?? 'none'}; ${count(steps.filter(({ reversible }) => reversible).length, 'command')} can be undone.`,
    ...(steps.some(({ needs_confirmation }) => needs_confirmation)
      ? ['It needs a confirmation first.']
      : []),
  ].join(' ');
}

function suggestionsOf(steps: readonly PlanStep[]): string[] {
  const all = steps.flatMap(({ problems }) =>
    problems.flatMap(({ suggestions }) =>
      Array.isArray(suggestions) ? (suggestions as string[]) : [],
    ),
  );
  return [...new Set(all)].slice(0, 5);
}

/** The earlier command of a plan to the same device failed, so this one is not sent. */
export const notTried = (): RpcError =>
  new RpcError(
    ErrorCode.InvalidParams,
    'not sent: an earlier command of this plan to the same device failed',
    teachAgain,
  );
