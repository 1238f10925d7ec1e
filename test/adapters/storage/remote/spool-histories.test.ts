import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { createSpooledTelemetryStore } from '../../../../nodes/adapters/storage/remote/spooled-telemetry-store.ts';
import { RpcError } from '../../../../nodes/core/rpc/errors.ts';
import type { TelemetryStore } from '../../../../nodes/core/telemetry/ports.ts';
import type { Reading } from '../../../../nodes/core/telemetry/types.ts';
import { systemClock } from '../../../../nodes/runtime/system.ts';
import { createMemoryRemote, type MemoryRemote } from '../../../support/memory-remote.ts';
import { aggregateNaively } from '../../../support/naive-telemetry.ts';
import { until } from '../../../support/until.ts';

type Step =
  | { write: number[][] }
  | { ask: 'raw' | 'sum' | 'median' | 'last' }
  | { remove: true }
  | { database: 'away' | 'back' | 'slow' | 'stuck' | 'once stuck' | 'loses answers' }
  | { restart: true };

const times = fc.array(fc.nat(30), { minLength: 1, maxLength: 8 });
const steps = fc.array(
  fc.oneof(
    {
      weight: 24,
      arbitrary: fc.record({ write: fc.array(times, { minLength: 1, maxLength: 3 }) }),
    },
    {
      weight: 12,
      arbitrary: fc.record({ ask: fc.constantFrom('raw', 'sum', 'median', 'last') }),
    },
    { weight: 3, arbitrary: fc.constant({ remove: true as const }) },
    {
      weight: 15,
      arbitrary: fc.record({
        database: fc.constantFrom('away', 'back', 'slow', 'stuck', 'once stuck', 'loses answers'),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ restart: true as const }) },
  ),
  { minLength: 5, maxLength: 25 },
) as fc.Arbitrary<Step[]>;

describe('a spool through any history of its database', function () {
  this.timeout(120_000);
  let folder: string;
  let remote: MemoryRemote;
  let store: TelemetryStore;
  let unstick: () => void;
  const open = async (): Promise<void> => {
    const faults = (remote as MemoryRemote | undefined)?.faults ?? {};
    remote = createMemoryRemote(join(folder, 'journal'));
    Object.assign(remote.faults, faults);
    store = await createSpooledTelemetryStore({
      ...{ remote, file: join(folder, 'spool.db'), maxBytes: 1e9, clock: systemClock },
      ...{ slowMs: 4, firstRetryMs: 1, lastRetryMs: 3, closeMs: 10, startMs: 50 },
    });
  };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spool-'));
    unstick = () => undefined;
    await open();
  });
  after(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  const change = (database: Extract<Step, { database: unknown }>['database']): void => {
    const { faults } = remote;
    unstick();
    delete faults.away;
    delete faults.delayMs;
    delete faults.losesAnswers;
    if (database === 'away') faults.away = 'away';
    if (database === 'slow') faults.delayMs = 6;
    if (database === 'loses answers') faults.losesAnswers = true;
    if (database === 'stuck' || database === 'once stuck')
      faults[database === 'stuck' ? 'hold' : 'holdNext'] = new Promise((resolve) => {
        unstick = () => {
          delete faults.hold;
          delete faults.holdNext;
          resolve();
        };
      });
  };
  const ask = async (
    device: string,
    kind: Extract<Step, { ask: unknown }>['ask'],
    expected: ReadonlyMap<number, number>,
  ): Promise<void> => {
    const question = { device_ids: [device], start: 3, end: 27, limit: 100 };
    const aggregated = kind === 'raw' ? {} : { aggregation: kind };
    const answer = await store.query({ ...question, ...aggregated }).catch((error: unknown) => {
      // The database may be away, but an answer must be right.
      if (error instanceof RpcError && error.code === -32003) return undefined;
      throw error;
    });
    if (!answer) return;
    const inRange = [...expected].filter(([time]) => time >= 3 && time < 27);
    inRange.sort(([a], [b]) => a - b);
    const points = (answer.series[0]?.points ?? []).map(({ timestamp, value }) => [
      timestamp,
      value,
    ]);
    if (kind === 'raw') assert.deepEqual(points, inRange);
    else if (inRange.length === 0) assert.deepEqual(points, []);
    else
      assert.deepEqual(points, [
        [
          3,
          aggregateNaively(
            kind,
            inRange.map(([, value]) => value),
          ),
        ],
      ]);
  };

  it('delivers all that was acknowledged, the last of each time, and shows nothing else meanwhile', async () => {
    let run = 0;
    let value = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (history) => {
        const device = `d${run++}`;
        const expected = new Map<number, number>();
        const readingsOf = (batch: readonly number[]): Reading[] =>
          batch.map((timestamp) => {
            expected.set(timestamp, ++value);
            return { device_id: device, measurement_type: 'n', timestamp, value };
          });
        change('back');
        for (const step of history) {
          if ('write' in step)
            await Promise.all(step.write.map((batch) => store.write(readingsOf(batch))));
          else if ('ask' in step) await ask(device, step.ask, expected);
          else if ('database' in step) change(step.database);
          else if ('remove' in step) {
            await store.removeDevice(device);
            expected.clear();
          } else {
            await store.close();
            await open();
          }
        }
        change('back');
        await until('nothing waits', async () => {
          const { ok, spool } = await store.health();
          return ok && spool?.bytes === 0;
        });
        const stored = remote
          .rows()
          .filter(([name]) => name.startsWith(`${device}/`))
          .map(([, time, stored]) => [time, stored] as const);
        const byTime = (a: readonly unknown[], b: readonly unknown[]): number =>
          Number(a[0]) - Number(b[0]);
        assert.deepEqual(stored.sort(byTime), [...expected].sort(byTime));
        assert.equal(
          store.latest([device])[0]?.timestamp,
          [...expected.keys()].sort((a, b) => b - a)[0],
        );
        await ask(device, 'raw', expected);
      }),
      { numRuns: 150 },
    );
  });
});
