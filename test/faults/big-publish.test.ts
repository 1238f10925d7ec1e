import { testFault } from './short-fault.ts';

testFault('big-publish', 'messages of 256 MB are cut off at their head', { shared: true });
