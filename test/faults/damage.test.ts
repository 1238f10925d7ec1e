import { testFault } from './short-fault.ts';

testFault('damage', 'a damaged database is kept aside, and the hub starts and stores what comes');
