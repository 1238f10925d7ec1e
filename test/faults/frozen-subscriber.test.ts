import { testFault } from './short-fault.ts';

testFault('frozen-subscriber', 'subscribers that do not read hold nobody up', { shared: true });
