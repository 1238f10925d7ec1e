import { Counter, Gauge, Registry } from 'prom-client';
import type { MetricFamily } from '../../core/metrics.ts';

/** The Prometheus text format, version 0.0.4. */
export const prometheusType = Registry.PROMETHEUS_CONTENT_TYPE;

/** Metric families as Prometheus text. They are set anew each time, from counts that the hub keeps anyway. */
export function prometheusText(families: readonly MetricFamily[]): Promise<string> {
  const registry = new Registry();
  for (const { name, help, kind, samples } of families) {
    const labelNames = [...new Set(samples.flatMap(({ labels = {} }) => Object.keys(labels)))];
    const options = { name, help, labelNames, registers: [registry] };
    if (kind === 'counter') {
      const counter = new Counter(options);
      for (const { labels = {}, value } of samples) counter.inc(labels, value);
    } else {
      const gauge = new Gauge(options);
      for (const { labels = {}, value } of samples) gauge.set(labels, value);
    }
  }
  return registry.metrics();
}
