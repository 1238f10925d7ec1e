// 100 busy gateways.
import { acknowledgedScenario } from './shared/acknowledged.mjs';

export { about } from './shared/acknowledged.mjs';
export const run = acknowledgedScenario({ connections: 100, window: 32 }, { rate: 60_000 });
