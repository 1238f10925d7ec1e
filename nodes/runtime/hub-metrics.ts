import type { MetricFamily, MetricSample } from '../core/metrics.ts';
import type { DeviceRegistry } from '../core/device/ports.ts';
import type { CommandExecutor } from '../core/command/ports.ts';
import type { Dispatcher } from '../core/rpc/types.ts';
import type { Streams } from '../core/stream/types.ts';
import type { Ledger } from '../core/telemetry/ledger.ts';
import type { TelemetryStore } from '../core/telemetry/ports.ts';
import type { MqttLink } from '../core/topic/ports.ts';
import type { HubLimits } from './hub-limits.ts';

const counter = (name: string, help: string, samples: MetricSample[]): MetricFamily => ({
  name: `llm_iot_${name}_total`,
  help,
  kind: 'counter',
  samples,
});
const gauge = (name: string, help: string, samples: MetricSample[]): MetricFamily => ({
  name: `llm_iot_${name}`,
  help,
  kind: 'gauge',
  samples,
});
/** One sample a key of a record. */
const by = (label: string, values: Record<string, number>, more = {}): MetricSample[] =>
  Object.entries(values).map(([key, value]) => ({ labels: { ...more, [label]: key }, value }));
const only = (value: number): MetricSample[] => [{ value }];

/** The hub's own figures for Prometheus; the ledger of `hub.info` is among them, number by number. */
export function createHubMetrics(deps: {
  ledger: Ledger;
  devices: DeviceRegistry;
  commands: CommandExecutor;
  dispatcher: Dispatcher;
  streams: Streams;
  store: TelemetryStore;
  mqtt: MqttLink;
  limits: Pick<HubLimits, 'stats'>;
  /** Of calls by method. */
  calls: () => MetricFamily[];
}): () => Promise<MetricFamily[]> {
  const { devices, commands, dispatcher, streams, store, mqtt } = deps;

  const readings = (): MetricFamily[] => {
    const { readings: accounts, messages } = deps.ledger.snapshot();
    const entries = Object.entries(accounts);
    const each = (field: 'received' | 'stored' | 'filtered' | 'in_flight'): MetricSample[] =>
      entries.map(([transport, account]) => ({ labels: { transport }, value: account[field] }));
    const causes = (field: 'rejected' | 'dropped'): MetricSample[] =>
      entries.flatMap(([transport, account]) => by('cause', account[field], { transport }));
    const messageCauses = (field: 'refused' | 'dropped'): MetricSample[] =>
      Object.entries(messages).flatMap(([transport, account]) =>
        by('cause', account[field], { transport }),
      );
    return [
      counter('readings_received', 'Readings that came in', each('received')),
      counter('readings_stored', 'Readings that were stored, and acknowledged', each('stored')),
      counter('readings_rejected', 'Readings that were refused', causes('rejected')),
      counter('readings_filtered', 'Readings that the flow took out', each('filtered')),
      counter('readings_dropped', 'Readings neither stored nor refused', causes('dropped')),
      gauge('readings_in_flight', 'Readings on their way to the store', each('in_flight')),
      counter('messages_refused', 'Messages that were no telemetry', messageCauses('refused')),
      counter('messages_dropped', 'Messages that no flow took', messageCauses('dropped')),
    ];
  };
  const storage = async (): Promise<MetricFamily[]> => {
    const { ok, readings: stored, series, spool } = await store.health();
    return [
      gauge('store_up', '1 while readings can be stored and asked for', only(ok ? 1 : 0)),
      gauge('store_readings', 'Readings in the store', only(stored)),
      gauge('store_series', 'Series in the store', only(series)),
      ...(spool
        ? [
            gauge('spool_readings', 'Readings that wait for the store', only(spool.readings)),
            gauge('spool_bytes', 'Bytes of the readings that wait', only(spool.bytes)),
            gauge('spool_max_bytes', 'Most bytes that may wait', only(spool.max_bytes)),
            gauge(
              'spool_refused_readings',
              'Acknowledged readings the store would not take',
              only(spool.refused),
            ),
          ]
        : []),
    ];
  };

  return async () => {
    const { online, offline, sensors } = devices.counts();
    const { pending, waiting, ...done } = commands.stats();
    const { calls, errors, pending: pendingCalls } = dispatcher.stats();
    const { sessions, subscriptions, sent, dropped } = streams.stats();
    const broker = mqtt.stats();
    const { refused, banned_addresses: banned } = deps.limits.stats();
    return [
      ...readings(),
      ...(await storage()),
      gauge('devices', 'Registered devices', by('status', { online, offline })),
      gauge('sensors', 'Registered sensors', only(sensors)),
      counter('commands', 'Commands to devices, by what became of them', by('outcome', done)),
      gauge('commands_pending', 'Commands under way', only(pending)),
      gauge('commands_waiting', 'Commands that wait for their device', only(waiting)),
      counter('rpc_calls', 'JSON-RPC calls', only(calls)),
      counter('rpc_errors', 'JSON-RPC errors', by('code', errors)),
      ...deps.calls(),
      gauge('rpc_pending', 'JSON-RPC calls under way', only(pendingCalls)),
      gauge('stream_sessions', 'Connections with subscriptions', only(sessions)),
      gauge('stream_subscriptions', 'Subscriptions', only(subscriptions)),
      counter('stream_updates_sent', 'Updates sent to subscribers', only(sent)),
      counter('stream_updates_dropped', 'Updates slow subscribers lost', only(dropped)),
      gauge('mqtt_clients', 'Connected MQTT clients', only(broker.clients)),
      counter('mqtt_received', 'MQTT messages received', only(broker.received)),
      counter('mqtt_published', 'MQTT messages published', only(broker.published)),
      counter('mqtt_refused', 'MQTT connections and messages refused', only(broker.refused)),
      counter('mqtt_dropped', 'MQTT messages clients did not get', by('cause', broker.dropped)),
      counter('refused', 'Refused for doing too much, by the limit', by('limit', refused)),
      gauge('banned_addresses', 'Addresses shut out for trying keys', only(banned)),
    ];
  };
}
