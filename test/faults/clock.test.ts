import { testFault } from './short-fault.ts';

testFault('clock', 'jumps of the clock by a day harm nothing');
