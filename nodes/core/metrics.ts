/** One figure of a family; labels name kinds of things, never a device. */
export interface MetricSample {
  labels?: Readonly<Record<string, string>>;
  value: number;
}

/** How large things were: how many fell within each bound, and above all of them. */
export interface HistogramSample {
  labels?: Readonly<Record<string, string>>;
  /** Upper bounds, included, ascending. */
  bounds: readonly number[];
  /** One more than there are bounds; each without those before it. */
  counts: readonly number[];
  sum: number;
}

/** Figures of one name, as Prometheus knows them. A counter only grows while the process lives. */
export type MetricFamily = { name: string; help: string } & (
  | { kind: 'counter' | 'gauge'; samples: readonly MetricSample[] }
  | { kind: 'histogram'; samples: readonly HistogramSample[] }
);
