import { testFault } from './short-fault.ts';

testFault(
  'qos0-flood',
  'a flood of QoS 0 is bounded in memory, and every message of it is in the ledger',
  { shared: true },
);
