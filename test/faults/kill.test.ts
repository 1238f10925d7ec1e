import { testFault } from './short-fault.ts';

testFault(
  'kill',
  'a hub that is killed while readings come in stores every acknowledged one and comes back',
);
