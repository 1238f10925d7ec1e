import { testFault } from './short-fault.ts';

testFault(
  'external-broker',
  'readings that Mosquitto acknowledged survive the death of the hub and of Mosquitto',
  { tool: ['mosquitto', 'mosquitto'] },
);
