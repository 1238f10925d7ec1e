import { testFault } from './short-fault.ts';

// In one file because they share a hub, which lives as long as this file's tests.

testFault('big-publish', 'messages of 256 MB are cut off at their head', { shared: true });

testFault(
  'duplicate-ids',
  'storms of clients with one client id harm neither the device nor others',
  { shared: true },
);

testFault('frozen-subscriber', 'subscribers that do not read hold nobody up', { shared: true });

testFault(
  'malformed',
  'thousands of malformed packets and bodies harm neither the hub nor devices that report',
  { shared: true },
);

testFault(
  'qos0-flood',
  'a flood of QoS 0 is bounded in memory, and every message of it is in the ledger',
  { shared: true },
);

testFault('redeploy', 'full deploys disconnect nobody and lose no reading', { shared: true });

testFault(
  'stalled-reader',
  'clients that never read an answer are bounded in memory and hold nobody up',
  { shared: true },
);

testFault(
  'store-stall',
  'a store that takes nothing for a while costs no acknowledged reading and leaves no device waiting',
  { shared: true },
);
