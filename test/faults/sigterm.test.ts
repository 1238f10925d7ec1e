import { testFault } from './short-fault.ts';

testFault('sigterm', 'SIGTERM stores what is acknowledged and ends within 15 seconds');
