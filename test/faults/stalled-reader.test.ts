import { testFault } from './short-fault.ts';

testFault(
  'stalled-reader',
  'clients that never read an answer are bounded in memory and hold nobody up',
  { shared: true },
);
