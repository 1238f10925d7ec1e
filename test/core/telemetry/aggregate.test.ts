import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import { assertAggregable, createAggregator } from '../../../nodes/core/telemetry/aggregate.ts';
import { aggregations, type Aggregation } from '../../../nodes/core/telemetry/ports.ts';
import type { ReadingValue } from '../../../nodes/core/telemetry/types.ts';
import { aggregateNaively, assertClose } from '../../support/naive-telemetry.ts';

const aggregate = (aggregation: Aggregation, values: readonly ReadingValue[]): ReadingValue => {
  const aggregator = createAggregator(aggregation);
  for (const value of values) aggregator.add(value);
  return aggregator.take();
};

describe('createAggregator', () => {
  for (const aggregation of aggregations) {
    it(`gives the ${aggregation} a textbook formula gives`, () => {
      fc.assert(
        fc.property(
          fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }),
          (values) => {
            assertClose(aggregate(aggregation, values), aggregateNaively(aggregation, values));
          },
        ),
      );
    });

    it(`starts the ${aggregation} anew after each result`, () => {
      const aggregator = createAggregator(aggregation);
      for (const value of [100, 200, 300]) aggregator.add(value);
      aggregator.take();
      for (const value of [1, 2, 4]) aggregator.add(value);
      assertClose(aggregator.take(), aggregateNaively(aggregation, [1, 2, 4]));
    });
  }

  it('does not lose small numbers beside large ones', () => {
    assert.equal(aggregate('sum', [1e16, 1, -1e16]), 1);
    assert.equal(aggregate('sum', new Array<number>(1000).fill(0.1)), 100);
    assertClose(aggregate('stddev', [1e9 + 4, 1e9 + 7, 1e9 + 13, 1e9 + 16]), Math.sqrt(30));
  });

  it('stays finite, because JSON knows no infinity', () => {
    for (const aggregation of ['sum', 'avg', 'stddev'] as const)
      assert.ok(Number.isFinite(aggregate(aggregation, [1e308, 1e308, -1e308, 1e308])));
  });

  it('is the standard deviation of a sample, and 0 for one reading', () => {
    assertClose(aggregate('stddev', [2, 4, 4, 4, 5, 5, 7, 9]), Math.sqrt(32 / 7));
    assert.equal(aggregate('stddev', [5]), 0);
  });

  it('counts booleans as 0 and 1, but gives the first and last as they are', () => {
    assert.equal(aggregate('avg', [true, false, true, true]), 0.75);
    assert.equal(aggregate('sum', [true, true, false]), 2);
    assert.equal(aggregate('min', [true, false]), 0);
    assert.equal(aggregate('first', [false, true]), false);
    assert.equal(aggregate('last', [false, true]), true);
  });

  it('counts text and gives the first and last of it', () => {
    assert.equal(aggregate('count', ['on', 'off', '']), 3);
    assert.equal(aggregate('first', ['', 'off']), '');
    assert.equal(aggregate('last', ['on', 'off']), 'off');
  });
});

describe('assertAggregable', () => {
  const number = { device_id: 'd', measurement_type: 'temperature', value_type: 'number' } as const;
  const text = {
    device_id: 'd',
    sensor_id: 's',
    measurement_type: 'mode',
    value_type: 'string',
  } as const;

  it('refuses the average of text with -32602, naming the series and the numeric types', () => {
    assert.throws(
      () => assertAggregable([number, text], 'avg'),
      (error) => {
        assert.ok(error instanceof RpcError);
        assert.equal(error.code, -32602);
        assert.match(error.reason, /mode of s is text/);
        assert.deepEqual(error.details['numeric_types'], ['temperature']);
        return true;
      },
    );
  });

  it('lets text be counted and read raw', () => {
    for (const aggregation of ['count', 'first', 'last', undefined] as const)
      assertAggregable([number, text], aggregation);
  });
});
