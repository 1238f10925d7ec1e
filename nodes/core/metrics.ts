/** One figure of a family; labels name kinds of things, never a device. */
export interface MetricSample {
  labels?: Readonly<Record<string, string>>;
  value: number;
}

/** Figures of one name, as Prometheus knows them. A counter only grows while the process lives. */
export interface MetricFamily {
  name: string;
  help: string;
  kind: 'counter' | 'gauge';
  samples: readonly MetricSample[];
}
