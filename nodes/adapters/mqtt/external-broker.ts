import { connect, type IClientOptions, type IPublishPacket, type MqttClient } from 'mqtt';
import type { Log } from '../../core/log.ts';
import type { InboundMessage, MqttLink, PublishOptions } from '../../core/topic/ports.ts';
import { branchFilter, parseTopic } from '../../core/topic/topics.ts';
import { createLinkEvents, settleOnce } from './link-events.ts';
import { propertiesOf, readProperties } from './properties.ts';
import { createThrottledWarn } from './throttled-log.ts';

export interface ExternalBrokerOptions {
  /** `mqtt://`, `mqtts://`, `ws://` or `wss://`. */
  url: string;
  username?: string;
  password?: string;
  /** Stable over restarts: the broker keeps the hub's session under it. */
  clientId: string;
  /** PEM texts, and whether the broker's certificate must be valid (the default). */
  tls?: Pick<IClientOptions, 'ca' | 'cert' | 'key' | 'rejectUnauthorized'>;
  log: Log;
}

/** What devices say; nothing the hub itself publishes to. */
const inboundFilters = (['telemetry', 'status', 'command-response', 'announce'] as const).map(
  branchFilter,
);
const maxInFlight = 512;
const maxUnacknowledgedPublications = 10_000;
const sessionExpirySeconds = 24 * 3600;
const redeliveryDelayMs = 5_000;
const reconnectPeriodMs = 2_000;
/** For `mqtts` and `wss`; an option of node:tls that mqtt.js passes on. */
const leastTls = { minVersion: 'TLSv1.3' } as object;
/** "Unacceptable protocol version" of MQTT 3.1.1 and of MQTT 5. */
const versionRefusals = new Set([1, 132]);

/**
 * Uses a broker that runs elsewhere, over MQTT 5, or 3.1.1 where the broker knows no other. Answers at once and
 * connects, and reconnects, in the background (`onState` tells). The hub's session at the broker is persistent and
 * each message is acknowledged when it has been settled, many at a time. MQTT offers a receiver one way to get a
 * message again: so after `settle(error)` the message stays unacknowledged, and a few seconds later the link
 * reconnects, whereupon the broker sends again everything that is unacknowledged.
 *
 * The broker authenticates its clients itself: messages carry no principal, and `disconnect` does nothing.
 */
export function createExternalBroker(options: ExternalBrokerOptions): MqttLink {
  const { log } = options;
  const url = withoutCredentials(options.url);
  const warn = createThrottledWarn(log);
  const counts = { received: 0, published: 0, refused: 0 };
  const events = createLinkEvents({ connected: false, detail: `connecting to ${url}` }, log);
  let closing = false;
  let paused = false;
  let unacknowledged = 0;
  let redelivery: NodeJS.Timeout | undefined;
  let client = open(5);

  function open(protocolVersion: 4 | 5): MqttClient {
    const opened = connect(options.url, {
      protocolVersion,
      clientId: options.clientId,
      clean: false,
      resubscribe: false,
      queueQoSZero: false,
      reconnectPeriod: reconnectPeriodMs,
      reconnectOnConnackError: true,
      ...(options.username !== undefined && { username: options.username }),
      ...(options.password !== undefined && { password: options.password }),
      ...(protocolVersion === 5 && {
        properties: { receiveMaximum: maxInFlight, sessionExpiryInterval: sessionExpirySeconds },
      }),
      ...options.tls,
      ...leastTls,
    });
    acknowledgeWhenSettled(opened, take);
    opened.on('connect', () => subscribe(opened, protocolVersion));
    opened.on('close', () => {
      if (opened === client && !closing) {
        events.setState({ connected: false, detail: `no connection to ${url}` });
      }
    });
    opened.on('error', (error: Error & { code?: unknown }) => {
      if (opened !== client || closing) return;
      if (protocolVersion === 5 && versionRefusals.has(Number(error.code))) {
        log.info(`${url} does not speak MQTT 5; using MQTT 3.1.1`);
        opened.end(true);
        client = open(4);
        return;
      }
      events.setState({
        connected: false,
        detail: `${url}: ${error.message || String(error.code)}`,
      });
      warn(`MQTT broker ${url}: ${error.message || String(error.code)}`);
    });
    return opened;
  }

  function subscribe(opened: MqttClient, protocolVersion: 4 | 5): void {
    // rh 1: what is retained comes with a new subscription, not again at every reconnect.
    const subscription = { qos: 1, ...(protocolVersion === 5 && { nl: true, rh: 1 }) } as const;
    const filters = Object.fromEntries(inboundFilters.map((filter) => [filter, subscription]));
    opened.subscribe(filters, (error, granted) => {
      if (opened !== client || closing) return;
      const refused = (granted ?? []).filter(({ qos }) => qos >= 128).map(({ topic }) => topic);
      if (error || refused.length > 0) {
        const why = refused.length > 0 ? `refused: ${refused.join(', ')}` : String(error?.message);
        events.setState({ connected: false, detail: `${url}: cannot subscribe, ${why}` });
        warn(`MQTT broker ${url}: cannot subscribe, ${why}`);
        return;
      }
      events.setState({ connected: true, detail: `connected to ${url}` });
    });
  }

  function take(packet: IPublishPacket, acknowledge: (error?: Error) => void): void {
    // Never acknowledged, so the broker keeps it.
    if (paused) return;
    counts.received++;
    events.deliver(
      inbound(packet, (error) => {
        if (error) requestRedelivery();
        acknowledge(error);
      }),
    );
  }

  function requestRedelivery(): void {
    if (closing || redelivery) return;
    redelivery = setTimeout(() => {
      redelivery = undefined;
      if (!closing) client.stream.destroy();
    }, redeliveryDelayMs);
    redelivery.unref();
  }

  async function publish(
    topic: string,
    payload: string | Uint8Array,
    options: PublishOptions = {},
  ): Promise<void> {
    if (!client.connected) throw new Error(`no connection to the MQTT broker ${url}`);
    if (unacknowledged >= maxUnacknowledgedPublications) {
      throw new Error(`the MQTT broker ${url} acknowledges too slowly`);
    }
    const { qos = 0, retain = false } = options;
    const properties = propertiesOf(options);
    unacknowledged++;
    try {
      await client.publishAsync(topic, Buffer.from(payload), { qos, retain, properties });
      counts.published++;
    } finally {
      unacknowledged--;
    }
  }

  return {
    url,
    onMessage: events.onMessage,
    onState: events.onState,
    publish,
    pause() {
      paused = true;
    },
    disconnect: () => undefined,
    stats: () => ({ clients: client.connected ? 1 : 0, ...counts, dropped: {} }),
    async close() {
      if (closing) return;
      closing = true;
      clearTimeout(redelivery);
      events.setState({ connected: false, detail: 'closed' });
      events.close();
      // Forced: it must not wait for acknowledgements of a broker that may be gone.
      await client.endAsync(true);
    },
  };
}

function inbound(packet: IPublishPacket, settle: (error?: Error) => void): InboundMessage {
  return {
    topic: packet.topic,
    parsed: parseTopic(packet.topic),
    payload: typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload,
    qos: packet.qos,
    retained: packet.retain,
    will: false,
    ...readProperties(packet.properties),
    settle: settleOnce(settle),
  };
}

/**
 * mqtt.js acknowledges a QoS 1 message when `handleMessage` calls back, and reads the next one only then. To have
 * many in flight it is told at once that the message failed, which sends no acknowledgement and reads on; the
 * acknowledgement is written when the message is settled, if its connection still stands. At `maxInFlight` the
 * reading stops. Nothing is subscribed at QoS 2.
 */
function acknowledgeWhenSettled(
  client: MqttClient,
  take: (packet: IPublishPacket, acknowledge: (error?: Error) => void) => void,
): void {
  let inFlight = 0;
  let readOn: (() => void) | undefined;
  client.handleMessage = (packet, callback) => {
    const { stream } = client;
    const { messageId } = packet;
    inFlight++;
    const next = (): void => callback(new Error('acknowledged when settled'));
    take(packet, (error) => {
      inFlight--;
      const same = client.stream === stream && client.connected && !stream.destroyed;
      if (!error && packet.qos === 1 && messageId !== undefined && same) {
        stream.write(Buffer.from([0x40, 2, messageId >> 8, messageId & 0xff]));
      }
      const waiting = readOn;
      readOn = undefined;
      waiting?.();
    });
    if (inFlight < maxInFlight) next();
    else readOn = next;
  };
}

function withoutCredentials(url: string): string {
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  return parsed.href.replace(/\/$/, '');
}
