import { testFault } from './short-fault.ts';

testFault(
  'reconnect',
  'a hundred devices are back soon after the broker is, with their sessions and messages',
);
