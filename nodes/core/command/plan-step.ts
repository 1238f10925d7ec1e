import { jsonSize, type JsonObject } from '../document.ts';
import { canonical } from '../schema/canonical.ts';
import { masked } from '../security/sensitive.ts';
import type { Reading } from '../telemetry/types.ts';
import { beforeOf, inverseOf } from './inverse.ts';
import type { CommandCheck, PlanRisk, PlanStep, PredictedChange } from './plan-types.ts';
import type { CommandRequest } from './request.ts';

const largestConfig = 2_048;
const mostReadings = 5;

const targetOf = ({ target }: CommandRequest) => target.sensor ?? target.device;

/**
 * What one command would do.
 * @param config of the target, as it will be when the command leaves
 * @param latest newest readings of the target
 */
export function planStep(
  params: JsonObject,
  check: CommandCheck,
  config: JsonObject | undefined,
  latest: readonly Reading[],
): PlanStep {
  const { request, problems, online, busy, needs } = check;
  const sensitive = request?.sensitive ?? new Set<string>();
  const shownConfig = config && masked(config, sensitive);
  const inverse = request && inverseFor(request, config);
  return {
    device_id: String(params['device_id']),
    ...(request && { name: targetOf(request).name }),
    command: String(params['command']),
    arguments: masked(params['arguments'] as JsonObject, sensitive),
    ok: problems.length === 0,
    problems: problems.map((problem) => ({ code: problem.code, ...problem.toObject().data })),
    state: {
      ...{ online, busy },
      ...(shownConfig && jsonSize(shownConfig) <= largestConfig && { applied_config: shownConfig }),
      ...(latest.length > 0 && { latest: latest.slice(0, mostReadings).map(shownReading) }),
    },
    predicted: request ? predictionOf(request, config) : { known: false, changes: [] },
    reversible: inverse !== undefined,
    ...(inverse && { inverse: { ...inverse, arguments: masked(inverse.arguments, sensitive) } }),
    risk: riskOf(request),
    needs_confirmation: needs !== undefined,
  };
}

/** Arguments that have the names of what the device reported as its configuration are expected to become that. */
export function predictionOf(
  { arguments: args, declaration, sensitive }: CommandRequest,
  config: JsonObject | undefined,
): PlanStep['predicted'] {
  if (declaration?.read_only) return { known: true, changes: [] };
  const named = Object.entries(args).filter(([name]) => config && Object.hasOwn(config, name));
  const changes: PredictedChange[] = [];
  for (const [field, to] of named) {
    const from = config?.[field];
    if (canonical(from) === canonical(to)) continue;
    const shown = masked({ [field]: from }, sensitive)[field];
    changes.push({ field, from: shown, to: masked({ [field]: to }, sensitive)[field] });
  }
  return { known: named.length > 0 && named.length === Object.keys(args).length, changes };
}

/** The configuration after a command, as far as it is predicted. */
export function configAfter(
  { arguments: args, declaration }: CommandRequest,
  config: JsonObject | undefined,
): JsonObject | undefined {
  if (!config || declaration?.read_only) return config;
  const named = Object.entries(args).filter(([name]) => Object.hasOwn(config, name));
  return { ...config, ...Object.fromEntries(named) };
}

function inverseFor(
  request: CommandRequest,
  config: JsonObject | undefined,
): { command: string; arguments: JsonObject } | undefined {
  const { declaration, command, arguments: args } = request;
  const before = beforeOf(declaration?.inverse, config);
  try {
    return inverseOf(declaration, { command, arguments: args, ...(before && { before }) });
  } catch {
    return undefined;
  }
}

/** Of a command nobody declared nothing is known. */
export function riskOf(request: CommandRequest | undefined): PlanRisk {
  if (request?.critical) return 'critical';
  const { declaration } = request ?? {};
  if (!declaration || declaration.destructive) return 'high';
  return declaration.read_only ? 'none' : 'low';
}

const shownReading = ({
  measurement_type,
  value,
  unit,
  quality,
  timestamp,
}: Reading): JsonObject => ({
  ...{ measurement_type, value },
  ...(unit !== undefined && { unit }),
  ...{ quality },
  timestamp: new Date(timestamp).toISOString(),
});

/** What a plan goes by; another one when it is carried out refuses it. */
export interface PlanWorld {
  device_registered: string;
  declaration: string;
  critical: string;
  applied_config: string;
}

export function worldOf(request: CommandRequest): PlanWorld {
  const holder = targetOf(request);
  return {
    device_registered: canonical([request.target.device.assigned_at, holder.assigned_at]),
    declaration: canonical([holder.commands_declared, request.declaration ?? null]),
    critical: String(request.critical),
    applied_config: canonical(holder.applied_config ?? null),
  };
}

export function changesOf(before: PlanWorld, now: PlanWorld): (keyof PlanWorld)[] {
  const parts = Object.keys(before) as (keyof PlanWorld)[];
  return parts.filter((part) => before[part] !== now[part]);
}
