import { testFault } from './short-fault.ts';

testFault('redeploy', 'full deploys disconnect nobody and lose no reading', { shared: true });
