import { Counter, Gauge, Registry } from 'prom-client';
import type { HistogramSample, MetricFamily } from '../../core/metrics.ts';

/** The Prometheus text format, version 0.0.4. */
export const prometheusType = Registry.PROMETHEUS_CONTENT_TYPE;

/** Metric families as Prometheus text. They are set anew each time, from counts that the hub keeps anyway. */
export async function prometheusText(families: readonly MetricFamily[]): Promise<string> {
  const registry = new Registry();
  let histograms = '';
  for (const family of families) {
    if (family.kind === 'histogram') {
      histograms += histogramText(family.name, family.help, family.samples);
      continue;
    }
    const { name, help, kind, samples } = family;
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
  return (await registry.metrics()) + histograms;
}

/** prom-client can only observe: counts that exist already are written here. */
function histogramText(name: string, help: string, samples: readonly HistogramSample[]): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const { labels = {}, bounds, counts, sum } of samples) {
    const own = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
    let total = 0;
    for (const [index, count] of counts.entries()) {
      total += count;
      const bound = bounds[index] ?? '+Inf';
      lines.push(`${name}_bucket{${[...own, `le="${bound}"`].join(',')}} ${total}`);
    }
    const suffix = own.length > 0 ? `{${own.join(',')}}` : '';
    lines.push(`${name}_sum${suffix} ${sum}`, `${name}_count${suffix} ${total}`);
  }
  return `${lines.join('\n')}\n`;
}

const escaped = (value: string): string =>
  value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
