import { createInflux2Database } from '../../../nodes/adapters/storage/influx/influx2-database.ts';
import { remoteDatabaseContract } from '../../contract/remote-database.ts';
import {
  organization,
  startInflux2Server,
  type Influx2Server,
} from '../../support/influx2-server/influx2-server.ts';

describe('InfluxDB 2 (strict server)', () => {
  let server: Influx2Server;
  beforeEach(async () => {
    server = await startInflux2Server();
  });
  afterEach(() => server.close());

  const connect = (more: object = {}) =>
    createInflux2Database({
      ...{ url: server.url, organization, bucket: 'hub', token: 'all', timeoutMs: 5_000 },
      ...more,
    });

  remoteDatabaseContract('InfluxDB 2', () => Promise.resolve(connect()));
});
