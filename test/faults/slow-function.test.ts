import { testFault } from './short-fault.ts';

testFault(
  'slow-function',
  'a slow function between source and store is bounded in memory and slows no other call down',
);
