import { testFault } from './short-fault.ts';

testFault(
  'store-stall',
  'a store that takes nothing for a while costs no acknowledged reading and leaves no device waiting',
  { shared: true },
);
