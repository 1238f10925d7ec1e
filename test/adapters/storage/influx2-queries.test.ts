import assert from 'node:assert/strict';
import * as library from '@influxdata/influxdb-client';
import { createInflux2Queries } from '../../../nodes/adapters/storage/influx/influx2-queries.ts';
import { aggregations, type SeriesInfo } from '../../../nodes/core/telemetry/ports.ts';
import { isValidFlux } from '../../support/influx2-server/flux-syntax.ts';

const names = [
  'plain',
  'a"b',
  '${1}',
  '\\',
  'a\nb\tc',
  '") |> yield() //',
  '%',
  '\u0000',
  '😀',
  '',
];
const queries = createInflux2Queries(library, 'b "1" ${x}');

const assertValid = (flux: library.ParameterizedQuery): void =>
  assert.ok(isValidFlux(flux.toString()), flux.toString());

function* allSeries(): Generator<SeriesInfo> {
  for (const value_type of ['number', 'boolean', 'string'] as const)
    for (const [i, name] of names.entries()) {
      const key = { device_id: name, measurement_type: names[names.length - 1 - i]!, value_type };
      yield key;
      yield { ...key, sensor_id: name };
    }
}

describe('the Flux texts for InfluxDB 2', () => {
  it('are valid for every series and range, as the checker of InfluxData sees it', () => {
    assertValid(queries.newest());
    assertValid(queries.count());
    for (const series of allSeries())
      for (const range of [
        { start: 0, end: 1, limit: 1 },
        { start: -9_223_372_036_854, end: 9_223_372_036_855, limit: 10_000 },
      ])
        assertValid(queries.readings(series, range));
  });

  it('are valid for every aggregation, type of value and shape of buckets', function () {
    this.timeout(20_000);
    const segments = [
      { start: 0, end: 1_000, width: 1_000, origin: 0 },
      { start: -5_000, end: 9_999, width: 900_000, origin: -1_234_567 },
      { start: -5_000, end: 9_999, width: 7, origin: 3 },
      { start: 1, end: 9e12, width: 30 * 86_400_000, origin: 8.64e15 },
    ];
    for (const value_type of ['number', 'boolean', 'string'] as const)
      for (const aggregation of aggregations)
        for (const segment of segments)
          for (const sensor of [{}, { sensor_id: 's"' }])
            assertValid(
              queries.aggregate(
                { device_id: 'd"', ...sensor, measurement_type: 't\\', value_type },
                aggregation,
                { ...segment, limit: 5 },
              ),
            );
  });

  it('would be told apart from wrong ones', () => {
    const text = queries.newest().toString();
    for (const [right, wrong] of [
      ['last()', 'latest()'],
      ['columns:', 'column:'],
      ['"llm_iot_readings"', 'llm_iot_readings'],
      ['fn: (r)', 'fn: (r, x)'],
      ['stop:', 'end:'],
    ] as const) {
      assert.ok(text.includes(right));
      assert.ok(!isValidFlux(text.replace(right, wrong)), wrong);
    }
  });
});
