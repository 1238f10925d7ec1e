import { createInflux3Database } from '../../../nodes/adapters/storage/influx/influx3-database.ts';
import { remoteDatabaseContract } from '../../contract/remote-database.ts';
import {
  startInflux3Server,
  type Influx3Server,
} from '../../support/influx3-server/influx3-server.ts';

describe('InfluxDB 3 (strict server)', () => {
  let server: Influx3Server;
  beforeEach(async () => {
    server = await startInflux3Server();
  });
  afterEach(() => server.close());

  const connect = (more: object = {}) =>
    createInflux3Database({
      ...{ url: server.url, database: 'hub', token: 'all', timeoutMs: 5_000 },
      ...more,
    });

  remoteDatabaseContract('InfluxDB 3', () => Promise.resolve(connect()));
});
