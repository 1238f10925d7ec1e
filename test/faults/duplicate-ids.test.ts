import { testFault } from './short-fault.ts';

testFault(
  'duplicate-ids',
  'storms of clients with one client id harm neither the device nor others',
  { shared: true },
);
