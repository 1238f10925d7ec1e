import { testFault } from './short-fault.ts';

testFault(
  'malformed',
  'thousands of malformed packets and bodies harm neither the hub nor devices that report',
  { shared: true },
);
