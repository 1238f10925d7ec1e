import { isObject, type JsonObject } from '../document.ts';
import { invalidParam } from '../params.ts';
import { toErrorObject } from '../rpc/errors.ts';
import { quoted } from '../rpc/quoted.ts';
import type { Principal } from '../security/types.ts';
import { requireCommandInScope } from './permission.ts';
import type { CommandExecutor } from './ports.ts';
import type { BatchResult } from './types.ts';

const mostDevices = 100;

type One = BatchResult['results'][number];

/** `CommandExecutor.executeBatch` in terms of `execute`. */
export function createBatch(deps: {
  execute: CommandExecutor['execute'];
  ownerOf: (id: string) => string | undefined;
}): CommandExecutor['executeBatch'] {
  const { execute, ownerOf } = deps;

  const one = async (
    deviceId: string,
    params: JsonObject,
    principal: Principal | undefined,
  ): Promise<One> => {
    try {
      const result = await execute({ ...params, device_id: deviceId }, principal);
      return { device_id: deviceId, status: result.status, result };
    } catch (error) {
      return { device_id: deviceId, status: 'failed', error: toErrorObject(error) };
    }
  };

  return async ({ device_ids: given, ...params }, principal) => {
    const deviceIds = idsOf(given);
    const { command, arguments: args } = params;
    if (typeof command === 'string')
      requireCommandInScope(principal, command, isObject(args) ? args : {});
    const turns = new Map<string, Promise<One>>();
    const results = await Promise.all(
      deviceIds.map((deviceId) => {
        // An MCU takes one command at a time: its sensors of the same batch wait for each other.
        const mcu = ownerOf(deviceId) ?? deviceId;
        const run = (): Promise<One> => one(deviceId, params, principal);
        const turn = turns.get(mcu)?.then(run) ?? run();
        turns.set(mcu, turn);
        return turn;
      }),
    );
    const count = (of: One['status']): number =>
      results.filter(({ status }) => status === of).length;
    const queued = count('queued');
    return {
      results,
      summary: {
        success: count('success'),
        failed: count('failed'),
        ...(queued > 0 && { queued }),
      },
    };
  };
}

function idsOf(given: unknown): string[] {
  const field = 'device_ids';
  const isList = Array.isArray(given) && given.every((id) => typeof id === 'string');
  if (!isList || given.length === 0 || given.length > mostDevices)
    throw invalidParam('device_ids', `device_ids must be a list of 1 to ${mostDevices} ids`, {
      ...(typeof given === 'string' && { fix: { set: { device_ids: [given] } } }),
      ...(isList && given.length > 0 && { fix: { split: { field, at_most: mostDevices } } }),
    });
  const twice = given.find((id, index) => given.indexOf(id) !== index);
  if (twice !== undefined)
    throw invalidParam(field, `device_ids names ${quoted(twice)} twice`, {
      fix: { set: { device_ids: [...new Set(given)] } },
    });
  return given;
}
