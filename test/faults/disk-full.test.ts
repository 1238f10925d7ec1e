import { testFault } from './short-fault.ts';

testFault(
  'disk-full',
  'a full disk leads to no false acknowledgement, and the hub goes on when there is room again',
);
