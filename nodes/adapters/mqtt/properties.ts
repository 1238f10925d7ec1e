import type { IPublishPacket } from 'mqtt';
import { isTraceparent } from '../../core/traceparent.ts';
import type { InboundMessage, PublishOptions } from '../../core/topic/ports.ts';

type Properties = NonNullable<IPublishPacket['properties']>;

/** The MQTT 5 properties of a publication of the hub; empty if it needs none. */
export function propertiesOf(options: PublishOptions): Properties {
  const { correlationData, messageExpiry, traceparent } = options;
  return {
    ...(correlationData !== undefined && { correlationData: Buffer.from(correlationData) }),
    ...(messageExpiry !== undefined && { messageExpiryInterval: messageExpiry }),
    ...(traceparent !== undefined && { userProperties: { traceparent } }),
  };
}

/** What the hub reads of the MQTT 5 properties of a message. */
export function readProperties(
  properties: Properties | undefined,
): Pick<InboundMessage, 'responseTopic' | 'correlationData' | 'traceparent'> {
  if (!properties) return {};
  const { responseTopic, correlationData, userProperties } = properties;
  const traceparent = userProperties?.['traceparent'];
  return {
    ...(responseTopic !== undefined && { responseTopic }),
    ...(correlationData !== undefined && { correlationData }),
    ...(isTraceparent(traceparent) && { traceparent }),
  };
}
