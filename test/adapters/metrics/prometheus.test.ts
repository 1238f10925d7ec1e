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
