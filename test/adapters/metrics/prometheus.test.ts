import assert from 'node:assert/strict';
import { prometheusText } from '../../../nodes/adapters/metrics/prometheus.ts';

describe('Prometheus text', () => {
  it('has a line for each sample, with help and type, and labels escaped', async () => {
    const text = await prometheusText([
      {
        name: 'a_total',
        help: 'How often',
        kind: 'counter',
        samples: [
          { labels: { cause: 'a "b"\n' }, value: 2 },
          { labels: { cause: 'c' }, value: 0 },
        ],
      },
      { name: 'b', help: 'How many', kind: 'gauge', samples: [{ value: 1.5 }] },
    ]);
    assert.deepEqual(text.split('\n').filter(Boolean), [
      '# HELP a_total How often',
      '# TYPE a_total counter',
      'a_total{cause="a \\"b\\"\\n"} 2',
      'a_total{cause="c"} 0',
      '# HELP b How many',
      '# TYPE b gauge',
      'b 1.5',
    ]);
  });

  it('has a histogram with the counts added up, by labels and without', async () => {
    const text = await prometheusText([
      {
        name: 'h_seconds',
        help: 'How long',
        kind: 'histogram',
        samples: [
          { labels: { m: 'a"b' }, bounds: [0.1, 1], counts: [2, 1, 4], sum: 9.5 },
          { bounds: [1], counts: [0, 0], sum: 0 },
        ],
      },
    ]);
    assert.deepEqual(text.split('\n').filter(Boolean), [
      '# HELP h_seconds How long',
      '# TYPE h_seconds histogram',
      'h_seconds_bucket{m="a\\"b",le="0.1"} 2',
      'h_seconds_bucket{m="a\\"b",le="1"} 3',
      'h_seconds_bucket{m="a\\"b",le="+Inf"} 7',
      'h_seconds_sum{m="a\\"b"} 9.5',
      'h_seconds_count{m="a\\"b"} 7',
      'h_seconds_bucket{le="1"} 0',
      'h_seconds_bucket{le="+Inf"} 0',
      'h_seconds_sum 0',
      'h_seconds_count 0',
    ]);
  });

  it('keeps nothing from one time to the next', async () => {
    const family = {
      name: 'a_total',
      help: 'a',
      kind: 'counter',
      samples: [{ value: 1 }],
    } as const;
    assert.equal(await prometheusText([family]), await prometheusText([family]));
  });
});
