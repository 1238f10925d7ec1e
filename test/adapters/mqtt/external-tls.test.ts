import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type SecureVersion } from 'node:tls';
import { createExternalBroker } from '../../../nodes/adapters/mqtt/external-broker.ts';
import { createAuthority, openAuthority } from '../../../nodes/adapters/tls/authority.ts';

describe('an external broker over TLS', () => {
  for (const [version, isTaken] of [
    ['TLSv1.3', true],
    ['TLSv1.2', false],
  ] as [SecureVersion, boolean][]) {
    it(`is ${isTaken ? '' : 'not '}spoken to with ${version}`, async () => {
      const ca = await createAuthority('test', 1);
      const pair = await (await openAuthority(ca)).issueServer(['127.0.0.1'], 1);
      const server = createServer({
        ...{ cert: pair.certificate, key: pair.key, minVersion: version, maxVersion: version },
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const outcome = new Promise<string>((resolve) => {
        server.once('secureConnection', (socket) => {
          resolve(socket.getProtocol() ?? '');
          socket.destroy();
        });
        server.once('tlsClientError', (error) => resolve(error.message));
      });
      const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
      const link = createExternalBroker({
        url: `mqtts://127.0.0.1:${(server.address() as AddressInfo).port}`,
        clientId: 'hub',
        tls: { ca: ca.certificate },
        log,
      });
      assert.match(await outcome, isTaken ? /^TLSv1\.3$/ : /protocol/);
      await link.close();
      server.close();
      await once(server, 'close');
    });
  }
});
