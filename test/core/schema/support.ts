import assert from 'node:assert/strict';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import { createSchemaRegistry } from '../../../nodes/core/schema/registry.ts';
import { sensorTemplates } from '../../../nodes/core/schema/templates/index.ts';
import type { SensorTemplate } from '../../../nodes/core/schema/types.ts';
import { createFakeClock } from '../../support/fake-clock.ts';
import { createMemoryRecords } from '../../support/memory-records.ts';

/** A registry with everything that ships, on a store in memory. */
export function createRig(records = createMemoryRecords()) {
  const clock = createFakeClock();
  const registry = createSchemaRegistry({ records, clock, templates: sensorTemplates });
  return { registry, records, clock };
}

/** A template that does not ship with the hub. */
export function template(changes: Partial<SensorTemplate> = {}): SensorTemplate {
  return {
    kind: 'sensor',
    name: 'acme-th1',
    version: '1.0.0',
    manufacturer: 'Acme',
    model: 'TH-1',
    description: 'Temperature and humidity sensor.',
    datasheet: 'TH-1 datasheet, revision 3',
    identity: { bus: 'i2c', addresses: ['0x50'] },
    measurements: [
      {
        measurement_type: 'temperature',
        value_type: 'number',
        unit: 'celsius',
        range: { min: -40, max: 85 },
      },
      { measurement_type: 'humidity', value_type: 'number', unit: 'percent' },
    ],
    ...changes,
  };
}

/** The RpcError -32004 (or another code) that `fn` throws. */
export function refusedBy(fn: () => unknown, code = -32004): RpcError {
  try {
    fn();
  } catch (error) {
    assert(error instanceof RpcError, String(error));
    assert.equal(error.code, code);
    return error;
  }
  return assert.fail('nothing was thrown');
}

/** The RpcError that a promise rejects with. */
export async function rejectedBy(promise: Promise<unknown>, code = -32004): Promise<RpcError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  return refusedBy(() => {
    if (outcome !== undefined) throw outcome as Error;
  }, code);
}
