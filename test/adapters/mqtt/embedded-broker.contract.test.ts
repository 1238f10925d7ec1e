import { mqttLinkContract } from '../../contract/mqtt-link.ts';
import { connectAs, startTestBroker } from '../../support/mqtt-hub.ts';

mqttLinkContract('the embedded broker', async () => {
  const { link } = await startTestBroker();
  return {
    link,
    connect: (protocolVersion) => connectAs('admin', link.url, { protocolVersion }),
    stop: () => Promise.resolve(),
  };
});
