import { testFault } from './short-fault.ts';

testFault(
  'influx-away',
  'readings are acknowledged while InfluxDB is away, and delivered in order afterwards',
  { tool: ['influxd', 'influxdb'] },
);
