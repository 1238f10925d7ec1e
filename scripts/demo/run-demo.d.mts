/** Types of run-demo.mjs for the tests. */
export interface DemoOptions {
  url: string;
  mqtt: string;
  hours: number;
  speed: number;
  registrationKey: string;
  adminKey?: string;
  llm: boolean;
  keep: boolean;
  stateFile: string;
  output?: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  signal?: AbortSignal;
}

export interface DemoSummary {
  devices: number;
  resumed: number;
  readingsSent: number;
  steps: { name: string; ok: boolean }[];
}

export declare class DemoStopped extends Error {}

export declare function runDemo(options: DemoOptions): Promise<DemoSummary>;
