// 1,000 devices that wait for each acknowledgement.
import { acknowledgedScenario } from './shared/acknowledged.mjs';

export { about } from './shared/acknowledged.mjs';
export const run = acknowledgedScenario(
  { connections: 1_000, window: 1 },
  { rate: 30_000, p99: 150 },
);
