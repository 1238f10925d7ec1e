import type { Clock } from '../core/clock.ts';
import type { MetricFamily, MetricSample } from '../core/metrics.ts';
import { isErrorCode } from '../core/rpc/errors.ts';
import type { MethodTable } from '../core/rpc/types.ts';
import type { BegunCall, WatchCalls } from '../core/rpc/watch.ts';
import type { OpenSpan, StartSpan } from '../core/trace.ts';

/** Upper bounds of the durations that are counted, in seconds. */
const bounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
/** Flows may declare methods again and again under new names; what is more than this is counted together. */
const mostMethods = 500;

interface Durations {
  /** How many ended within each of the bounds, and above all of them. */
  counts: number[];
  sum: number;
}

/** Counts and times every call by its method, and opens a span for it. */
export function createHubCalls(deps: {
  methods: Pick<MethodTable, 'get'>;
  clock: Clock;
  startSpan: StartSpan;
}): { watch: WatchCalls; families: () => MetricFamily[] } {
  const { methods, clock, startSpan } = deps;
  const calls = new Map<string, MetricSample & { value: number }>();
  const durations = new Map<string, Durations>();

  /** Names that anybody can make up are not counted by name. */
  const labelOf = (method: string): string => {
    const declaration = methods.get(method);
    if (!declaration) return 'unknown';
    if (declaration.device) return 'of a device';
    return durations.size < mostMethods || durations.has(method) ? method : 'other';
  };
  const count = (method: string, transport: string, code: number | undefined): void => {
    const outcome = code === undefined ? 'ok' : isErrorCode(code) ? String(code) : 'other';
    const key = `${method} ${transport} ${outcome}`;
    const sample = calls.get(key);
    if (sample) sample.value += 1;
    else calls.set(key, { labels: { method, transport, outcome }, value: 1 });
  };
  const time = (method: string, seconds: number): void => {
    const known = durations.get(method) ?? { counts: [...bounds, 0].map(() => 0), sum: 0 };
    durations.set(method, known);
    const within = bounds.findIndex((bound) => seconds <= bound);
    const slot = within === -1 ? bounds.length : within;
    known.counts[slot] = (known.counts[slot] ?? 0) + 1;
    known.sum += seconds;
  };

  return {
    watch(call) {
      const began = clock.elapsed();
      const method = labelOf(call.method);
      const span = spanOf(call, method, startSpan);
      const traceparent = span?.traceparent ?? call.traceparent;
      return {
        ...(traceparent !== undefined && { traceparent }),
        ended(error) {
          count(method, call.transport, error?.code);
          time(method, (clock.elapsed() - began) / 1_000);
          span?.end(error?.code);
        },
      };
    },
    families: () => [
      {
        name: 'llm_iot_rpc_method_calls_total',
        help: 'Calls by method, transport and outcome: ok or the code of the error',
        kind: 'counter',
        samples: [...calls.values()].map((sample) => ({ ...sample })),
      },
      {
        name: 'llm_iot_rpc_method_duration_seconds',
        help: 'How long calls took, by method',
        kind: 'histogram',
        samples: [...durations].map(([method, { counts, sum }]) => ({
          labels: { method },
          bounds,
          counts: [...counts],
          sum,
        })),
      },
    ],
  };
}

/** By the semantic conventions for JSON-RPC and for MCP servers. Params and results are not told: they hold secrets. */
function spanOf(call: BegunCall, method: string, startSpan: StartSpan): OpenSpan | undefined {
  const tool = method.replaceAll('.', '_');
  const isTool = call.transport === 'mcp';
  return startSpan({
    name: isTool ? `tools/call ${tool}` : method,
    kind: 'server',
    parent: call.traceparent,
    attributes: {
      'rpc.system': 'jsonrpc',
      'rpc.method': method,
      'rpc.jsonrpc.version': '2.0',
      ...(isTool && {
        'mcp.method.name': 'tools/call',
        'gen_ai.operation.name': 'execute_tool',
        'gen_ai.tool.name': tool,
      }),
      'enduser.id': call.principal,
      'user_agent.original': call.agent,
      'llm_iot.transport': call.transport,
    },
  });
}
