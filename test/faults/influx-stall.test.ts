import { testFault } from './short-fault.ts';

testFault(
  'influx-stall',
  'an InfluxDB that hangs, refuses or cuts connections costs no reading and is not noticed',
  { tool: ['influxd', 'influxdb'] },
);
