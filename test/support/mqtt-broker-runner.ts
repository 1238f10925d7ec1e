// An embedded broker in a process of its own that can be killed: settles all messages and prints what happens, one
// JSON document a line. A line `stats` on its standard input asks for the counts; its end ends the broker.
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createEmbeddedBroker } from '../../nodes/adapters/mqtt/embedded-broker.ts';
import { systemClock } from '../../nodes/runtime/system.ts';
import { ownerOf, principalOf } from './mqtt-hub.ts';
import type { BrokerRun } from './mqtt-broker-process.ts';

const { file, port, limits, gone } = JSON.parse(process.argv[2] ?? '{}') as BrokerRun;
// At once and whole, so that nothing printed is lost with the process.
const print = (event: object): void => void writeSync(1, `${JSON.stringify(event)}\n`);
const log = (text: string): void => print({ log: text });
const isGone = (id: string): boolean => gone?.includes(id) ?? false;

const link = await createEmbeddedBroker({
  host: '127.0.0.1',
  port: port ?? 0,
  clock: systemClock,
  async authenticate(credentials, caller) {
    const principal = await principalOf(credentials, caller);
    return principal && !isGone(principal.id) ? principal : undefined;
  },
  ownerOf,
  sessions: { path: file, isCurrent: ({ id }) => !isGone(id) },
  ...(limits && { limits }),
  log: { info: log, warn: log, error: log },
});
link.onMessage((message) => {
  const { topic, will, clientId, qos } = message;
  print({
    message: { topic, payload: Buffer.from(message.payload).toString(), will, clientId, qos },
  });
  message.settle();
});
print({ url: link.url });
for await (const line of createInterface(process.stdin)) {
  if (line === 'stats') print({ stats: link.stats() });
}
await link.close();
