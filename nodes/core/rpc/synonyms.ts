/** What callers call fields that have another name here: the first that a method knows is meant. */
const synonyms: Record<string, readonly string[]> = {
  id: ['device_id', 'alert_id', 'key_id', 'sensor_id'],
  device: ['device_id', 'device_ids'],
  deviceid: ['device_id', 'device_ids'],
  devices: ['device_ids', 'device_id'],
  ids: ['device_ids'],
  sensor: ['sensor_id', 'device_id'],
  target: ['device', 'device_id', 'device_ids'],
  cmd: ['command'],
  action: ['command'],
  method: ['command'],
  args: ['arguments'],
  params: ['arguments'],
  parameters: ['arguments'],
  timeout: ['timeout_ms'],
  metric: ['measurement_types'],
  metrics: ['measurement_types'],
  measurement: ['measurement_types'],
  measurements: ['measurement_types'],
  types: ['measurement_types'],
  agg: ['aggregation'],
  aggregate: ['aggregation'],
  function: ['aggregation'],
  bucket: ['interval'],
  step: ['interval'],
  window: ['interval'],
  resolution: ['interval'],
  granularity: ['interval'],
  every: ['interval'],
  tz: ['time_zone'],
  timezone: ['time_zone'],
  range: ['time_range'],
  from: ['start', 'since', 'time_range.start'],
  begin: ['start', 'since', 'time_range.start'],
  since: ['start', 'time_range.start'],
  start: ['since', 'time_range.start'],
  starttime: ['start', 'time_range.start'],
  to: ['end', 'until', 'time_range.end'],
  until: ['end', 'time_range.end'],
  end: ['until', 'time_range.end'],
  endtime: ['end', 'time_range.end'],
  max: ['limit'],
  count: ['limit'],
  size: ['limit'],
  maxresults: ['limit'],
  pagesize: ['limit'],
  page: ['cursor'],
  state: ['status'],
  status: ['state'],
  level: ['severity'],
  priority: ['severity'],
  query: ['search'],
  q: ['search'],
  text: ['search'],
  type: ['device_type', 'measurement_types'],
  room: ['location'],
};

/** What callers call values that have another name here. */
const values: Record<string, readonly string[]> = {
  mean: ['avg'],
  average: ['avg'],
  minimum: ['min'],
  maximum: ['max'],
  total: ['sum'],
  latest: ['last'],
  newest: ['last'],
  oldest: ['first'],
  std: ['stddev'],
  none: ['raw'],
  open: ['raised'],
  active: ['raised', 'online'],
  new: ['raised'],
  acked: ['acknowledged'],
  closed: ['cleared'],
  resolved: ['cleared'],
  critical: ['error'],
  warn: ['warning'],
  up: ['online'],
  connected: ['online'],
  down: ['offline'],
  disconnected: ['offline'],
  enabled: ['on'],
  disabled: ['off'],
};

/** The allowed value another one stands for. */
export function valueSynonymOf(value: string, allowed: readonly string[]): string | undefined {
  const plain = value.trim().toLowerCase();
  if (!Object.hasOwn(values, plain)) return undefined;
  return values[plain]?.find((meant) => allowed.includes(meant));
}

/** The known field an unknown one may stand for, by meaning and not by its letters; a path where it is a member of one. */
export function synonymOf(name: string, known: readonly string[]): string | undefined {
  const plain = name.toLowerCase().replace(/[_\s-]/g, '');
  if (!Object.hasOwn(synonyms, plain)) return undefined;
  return synonyms[plain]?.find((meant) => known.includes(meant.split('.', 1)[0] ?? ''));
}
