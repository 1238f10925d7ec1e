import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { remoteDatabaseContract } from '../../../contract/remote-database.ts';
import { createMemoryRemote } from '../../../support/memory-remote.ts';

// What the spool is tested with must itself be true to the port.
describe('the database in memory', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'journal-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  remoteDatabaseContract(
    'Memory',
    () => Promise.resolve(createMemoryRemote(join(folder, 'journal'))),
    true,
  );
});
