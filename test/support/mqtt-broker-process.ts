import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BrokerLimits } from '../../nodes/adapters/mqtt/limits.ts';
import type { MqttLink } from '../../nodes/core/topic/ports.ts';
import { until } from './until.ts';

/** How a broker process is to run. */
export interface BrokerRun {
  /** Of its sessions. */
  file: string;
  /** The same again after a restart, so that clients find it. */
  port?: number;
  limits?: Partial<BrokerLimits>;
  /** Ids of principals that are nobody any more. */
  gone?: string[];
}

/** What came in. */
export interface PrintedMessage {
  topic: string;
  payload: string;
  will: boolean;
  clientId?: string;
  qos: number;
}

/** An embedded broker in a process of its own; its clients are the `principals` of mqtt-hub.ts. */
export interface BrokerProcess {
  url: string;
  port: number;
  messages: PrintedMessage[];
  log: string[];
  stats(): Promise<ReturnType<MqttLink['stats']>>;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** Ends it well. */
  stop(): Promise<void>;
}

const script = fileURLToPath(new URL('mqtt-broker-runner.ts', import.meta.url));

export async function startBrokerProcess(run: BrokerRun): Promise<BrokerProcess> {
  const child = spawn(process.execPath, [script, JSON.stringify(run)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const messages: PrintedMessage[] = [];
  const log: string[] = [];
  const counts: ReturnType<MqttLink['stats']>[] = [];
  let url = '';
  createInterface(child.stdout).on('line', (line) => {
    const event = JSON.parse(line);
    if (event.url) url = event.url;
    if (event.message) messages.push(event.message);
    if (event.log) log.push(event.log);
    if (event.stats) counts.push(event.stats);
  });
  await until(
    'the broker listens',
    () => {
      if (child.exitCode !== null) throw new Error(`the broker ended with ${child.exitCode}`);
      return url;
    },
    20_000,
  );
  return {
    url,
    port: Number(new URL(url).port),
    messages,
    log,
    async stats() {
      const before = counts.length;
      child.stdin.write('stats\n');
      return until('the counts', () => counts[before]);
    },
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
