import type { JsonObject } from '../document.ts';
import type { Call } from './command-call.ts';
import type { CommandChecks } from './command-checks.ts';
import { readPlanId } from './plan-request.ts';
import { runPlan } from './plan-run.ts';
import type { CommandCheck } from './plan-types.ts';
import type { Plans } from './plans.ts';
import type { CommandRequest } from './request.ts';
import type { BatchResult, ExecuteResult } from './types.ts';

/** Carries out a call once, however often its key is repeated. */
export type Once = <T>(
  call: Call,
  what: JsonObject,
  carryOut: (started: (commandId?: string) => Promise<void>) => Promise<T>,
) => Promise<T>;

/**
 * `device.execute` and `device.batch_execute` of a plan: exactly what was planned, if the world is as it was, before
 * somebody was asked and after.
 */
export function createPlanExecution(deps: {
  plans: Plans;
  checks: CommandChecks;
  once: Once;
  run: (call: Call) => Promise<ExecuteResult>;
}): (call: Call) => Promise<ExecuteResult | BatchResult> {
  const { plans, checks, once, run } = deps;

  return (call) => {
    const { params, principal, policies } = call;
    const planId = readPlanId(params);
    return once(call, { plan_id: planId }, async (started) => {
      const plan = plans.find(planId, principal);
      const checkNow = (step: JsonObject): CommandCheck =>
        checks.check({ params: step, principal, policies });
      const wanted = plans.requireSame(plan, checkNow);
      await checks.confirmAll(
        call,
        plan.steps.map((step) => step.params),
      );
      plans.find(planId, principal);
      plans.requireSame(plan, checkNow);
      plans.use(plan);
      const { timeout_ms, reason } = params;
      return runPlan(
        plan.steps.map((step, index) => {
          const { command, target } = wanted[index] as CommandRequest;
          const own = {
            ...(timeout_ms !== undefined && { timeout_ms }),
            ...step.params,
            ...(reason !== undefined && { reason }),
          };
          const isAnswer = plan.steps.length === 1;
          const one = { ...call, params: own, isAnswer };
          return {
            ...{ device_id: String(step.params['device_id']), command },
            mcu: target.device.device_id,
            run: () => run({ ...one, started: (id) => started(isAnswer ? id : undefined) }),
          };
        }),
      );
    });
  };
}
