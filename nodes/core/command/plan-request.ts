import { isObject, jsonSize, type JsonObject } from '../document.ts';
import { invalidParam, optionalNumber, optionalObject, requiredString } from '../params.ts';
import { cleanText } from '../text.ts';

const mostSteps = 100;
const largestPlan = 128 * 1_024;

/** Params of the commands of a plan. */
export interface PlanRequest {
  steps: JsonObject[];
}

/** Finds the ids that a phrase means; several where it asks for all that fit. @throws RpcError -32602 */
export type ResolvePhrase = (phrase: unknown, field: string) => string[];

/**
 * Reads `{ device_id | device_ids | device, command, arguments?, timeout_ms?, reason? }` or `{ steps: [{ device_id |
 * device, command, arguments?, timeout_ms? }], reason? }`. @throws RpcError -32602
 */
export function readPlanRequest(params: JsonObject, resolve?: ResolvePhrase): PlanRequest {
  if (jsonSize(params) > largestPlan)
    throw invalidParam('steps', `a plan may have ${largestPlan} bytes at most`);
  const reason = cleanText(params['reason'], 500);
  const more = reason === '' ? {} : { reason };
  const { steps: given } = params;
  if (given === undefined || given === null)
    return {
      steps: devicesOf(params, resolve, '').map((device_id) => ({
        device_id,
        ...stepOf(params, ''),
        ...more,
      })),
    };
  for (const field of ['device', 'device_id', 'device_ids', 'command', 'arguments'])
    if ((params[field] ?? undefined) !== undefined)
      throw invalidParam(field, `${field} is part of each of steps, when there are steps`, {
        fix: { remove: [field] },
      });
  if (!Array.isArray(given) || given.length === 0 || given.length > mostSteps)
    throw invalidParam('steps', `steps must be a list of 1 to ${mostSteps} commands`, {
      ...(Array.isArray(given) &&
        given.length > 0 && { fix: { split: { field: 'steps', at_most: mostSteps } } }),
    });
  const steps = given.flatMap((step: unknown, index) => {
    const at = `steps[${index}]`;
    if (!isObject(step)) throw invalidParam(at, `${at} must be an object`);
    return devicesOf(step, resolve, `${at}.`).map((device_id) => ({
      device_id,
      ...stepOf(step, `${at}.`),
      ...more,
    }));
  });
  return { steps: bounded(steps, 'steps') };
}

function bounded<T>(list: T[], field: string): T[] {
  if (list.length <= mostSteps) return list;
  throw invalidParam(field, `a plan is for ${mostSteps} commands at most`, {
    fix: { split: { field, at_most: mostSteps } },
  });
}

function devicesOf(params: JsonObject, resolve: ResolvePhrase | undefined, at: string): string[] {
  const { device_ids: ids, device } = params;
  if (Array.isArray(ids)) {
    if (ids.length === 0 || !ids.every((id): id is string => typeof id === 'string' && id !== ''))
      throw invalidParam(`${at}device_ids`, `${at}device_ids must be a list of ids`);
    return bounded([...new Set(ids)], `${at}device_ids`);
  }
  if (
    (params['device_id'] ?? undefined) === undefined &&
    (device ?? undefined) !== undefined &&
    resolve
  )
    return bounded(resolve(device, `${at}device`), `${at}device`);
  return [requiredString({ [`${at}device_id`]: params['device_id'] }, `${at}device_id`)];
}

function stepOf(params: JsonObject, at: string): JsonObject {
  const command = requiredString({ [`${at}command`]: params['command'] }, `${at}command`);
  const args = optionalObject({ [`${at}arguments`]: params['arguments'] }, `${at}arguments`);
  const field = `${at}timeout_ms`;
  const timeout = optionalNumber({ [field]: params['timeout_ms'] }, field, {
    min: 100,
    max: 300_000,
  });
  return { command, arguments: args ?? {}, ...(timeout !== undefined && { timeout_ms: timeout }) };
}

/** What may stand beside `plan_id`. */
const besidePlan = new Set(['plan_id', 'request_key', 'reason', 'timeout_ms']);

/** Reads the id of a plan that is to be carried out. @throws RpcError -32602 for params that would change it */
export function readPlanId(params: JsonObject): string {
  const id = requiredString(params, 'plan_id');
  for (const [field, value] of Object.entries(params))
    if (!besidePlan.has(field) && value !== undefined && value !== null)
      throw invalidParam(
        field,
        field === 'signature'
          ? 'a plan is not signed: sign the commands themselves, or have somebody approve it'
          : `${cleanText(field, 64)} is part of the plan; a plan is carried out as it was made`,
        { fix: { remove: [field] } },
      );
  return id;
}
