import { toErrorObject } from '../rpc/errors.ts';
import { notTried } from './plans.ts';
import type { BatchResult, ExecuteResult } from './types.ts';

/** A command of a plan, ready to go. */
export interface ReadyStep {
  device_id: string;
  command: string;
  /** The MCU that carries it out. */
  mcu: string;
  run: () => Promise<ExecuteResult>;
}

/**
 * Has the commands of a plan carried out: those of one MCU in their order, until one fails; MCUs concurrently. One
 * command answers as `device.execute`, several as `device.batch_execute`.
 */
export async function runPlan(steps: readonly ReadyStep[]): Promise<ExecuteResult | BatchResult> {
  const [only, ...others] = steps;
  if (only && others.length === 0) return only.run();
  type One = BatchResult['results'][number];
  const turns = new Map<string, Promise<One>>();
  const one = async (
    { device_id, run }: ReadyStep,
    before: Promise<One> | undefined,
  ): Promise<One> => {
    try {
      if ((await before)?.status === 'failed') throw notTried();
      const result = await run();
      return { device_id, status: result.status, result };
    } catch (error) {
      return { device_id, status: 'failed', error: toErrorObject(error) };
    }
  };
  const results = await Promise.all(
    steps.map((step) => {
      const turn = one(step, turns.get(step.mcu));
      turns.set(step.mcu, turn);
      return turn;
    }),
  );
  const failed = results.filter(({ status }) => status === 'failed').length;
  return { results, summary: { success: results.length - failed, failed } };
}
