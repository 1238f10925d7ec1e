import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MetricFamily } from '../../core/metrics.ts';

/** What the process uses, by the names that Prometheus dashboards know. */
export interface ProcessFigures {
  families(): MetricFamily[];
  close(): void;
}

const quantiles = [0.5, 0.99, 1];
const resolutionMs = 10;

/** The delay of the event loop is that since the figures were last asked for. */
export function createProcessFigures(): ProcessFigures {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();

  const eventLoop = (): MetricFamily => {
    const samples = quantiles.map((quantile) => ({
      labels: { quantile: String(quantile) },
      // Nanoseconds, from one timer to the next.
      value: Math.max(0, delay.percentile(quantile * 100) / 1e9 - resolutionMs / 1e3),
    }));
    delay.reset();
    return {
      name: 'llm_iot_event_loop_delay_seconds',
      help: 'How late timers fire, since the figures were last read',
      kind: 'gauge',
      samples,
    };
  };

  return {
    families() {
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed, external } = process.memoryUsage();
      const one = (name: string, help: string, value: number): MetricFamily => ({
        name,
        help,
        kind: name.endsWith('_total') ? 'counter' : 'gauge',
        samples: [{ value }],
      });
      return [
        one('process_cpu_seconds_total', 'CPU time of all threads', (user + system) / 1e6),
        one('process_resident_memory_bytes', 'Resident memory', rss),
        one('nodejs_heap_size_used_bytes', 'JavaScript heap in use', heapUsed),
        one('nodejs_external_memory_bytes', 'Memory of buffers and the like', external),
        eventLoop(),
      ];
    },
    close: () => delay.disable(),
  };
}
