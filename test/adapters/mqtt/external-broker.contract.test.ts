import { connectAsync } from 'mqtt';
import { createExternalBroker } from '../../../nodes/adapters/mqtt/external-broker.ts';
import { mqttLinkContract } from '../../contract/mqtt-link.ts';
import { startMosquitto } from '../../support/mosquitto.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

mqttLinkContract('an external Mosquitto', async (ctx) => {
  const mosquitto = await startMosquitto(ctx);
  const link = createExternalBroker({
    url: mosquitto.url.replace('//', '//name:secret@'),
    clientId: 'the-hub',
    log: silent,
  });
  return {
    link,
    connect: (protocolVersion) =>
      connectAsync(mosquitto.url, { protocolVersion, reconnectPeriod: 0 }, false),
    stop: () => mosquitto.stop(),
  };
});
