/**
 * A caller that understands nothing: it makes a call, and if that fails it does what `error.data` says, whatever the
 * call is about. No word of any method, param or device is in this file: if a call can be repaired by it, then the error
 * told all there is to know.
 */

/** A JSON-RPC response, the parts that count. */
export interface Response {
  result?: unknown;
  error?: { code: number; message: string; data?: unknown };
}

export interface RepairDeps {
  /** Sends one request object, or anything else, and gives what comes back. */
  send: (request: unknown) => Promise<unknown>;
  /** Lets time pass. */
  wait: (ms: number) => Promise<void>;
  /** Most repairs of one call. */
  most?: number;
}

export interface Repaired {
  ok: boolean;
  /** How often the call had to be changed or repeated. */
  repairs: number;
  /** What was done, for a report. */
  steps: string[];
  /** Results of the call, or of all calls it was split into. */
  results: unknown[];
  error?: unknown;
}

type Json = Record<string, unknown>;

const usualWaitMs = 500;

/** Makes a call and repairs it until it succeeds, at most three times. */
export async function callAndRepair(deps: RepairDeps, request: unknown): Promise<Repaired> {
  const { send, wait, most = 3 } = deps;
  const steps: string[] = [];
  let current = request;
  for (let repairs = 0; ; repairs++) {
    const answer = await send(current);
    const error = Array.isArray(answer) ? undefined : (answer as Response).error;
    if (!error) return { ok: true, repairs, steps, results: resultsOf(answer) };
    const failed = { ok: false, repairs, steps, results: [], error };
    if (repairs === most) return failed;
    const data = isObject(error.data) ? error.data : {};
    const { split } = isObject(data['fix']) ? data['fix'] : {};
    if (isObject(split)) {
      steps.push('split');
      return manage(deps, splitUp(current, split), { ...failed, repairs: repairs + 1 });
    }
    const next = await repaired(deps, current, error.code, data);
    if (!next) return failed;
    steps.push(next.by);
    if (next.waitMs !== undefined) await wait(next.waitMs);
    current = next.request;
  }
}

async function manage(deps: RepairDeps, parts: unknown[], so: Repaired): Promise<Repaired> {
  const results: unknown[] = [];
  for (const part of parts) {
    const one = await callAndRepair({ ...deps, most: (deps.most ?? 3) - so.repairs }, part);
    if (!one.ok) return { ...so, error: one.error };
    results.push(...one.results);
  }
  const { error: _error, ...rest } = so;
  return { ...rest, ok: parts.length > 0, results };
}

interface Next {
  request: unknown;
  by: string;
  waitMs?: number;
}

/** The call as the error says it should be; undefined if it says nothing that can be done. */
async function repaired(
  deps: RepairDeps,
  request: unknown,
  code: number,
  data: Json,
): Promise<Next | undefined> {
  const whole = structuredClone(request);
  if (!isObject(whole)) return undefined;
  const { field, fix } = data;
  // What is not JSON-RPC is wrong in the request itself, all else in its params.
  const frame = code === -32600;
  const params = frame ? whole : isObject(whole['params']) ? whole['params'] : {};
  const done = (by: string): Next => ({
    request: frame ? params : { ...whole, params },
    by,
  });

  if (isObject(fix)) {
    if (typeof fix['method'] === 'string') whole['method'] = fix['method'];
    for (const [from, to] of Object.entries(isObject(fix['rename']) ? fix['rename'] : {})) {
      const value = at(params, from);
      remove(params, from);
      put(params, String(to), value);
    }
    for (const [place, value] of Object.entries(isObject(fix['set']) ? fix['set'] : {}))
      put(params, place, value);
    for (const place of Array.isArray(fix['remove']) ? fix['remove'] : [])
      remove(params, String(place));
    return done('fix');
  }
  if (data['retryable'] === true) {
    const ms = data['retry_after_ms'];
    return { request, by: 'wait', waitMs: typeof ms === 'number' ? ms : usualWaitMs };
  }
  if (typeof field !== 'string' || field === '') return undefined;
  const value = await valueFor(deps, data, at(params, field));
  if (value === undefined) return undefined;
  put(params, field, value.value);
  return done(value.by);
}

async function valueFor(
  deps: RepairDeps,
  data: Json,
  given: unknown,
): Promise<{ value: unknown; by: string } | undefined> {
  const { nearest, candidates, allowed, min, max, expected, look_up: lookUp } = data;
  const wanted = isObject(expected) ? expected : {};
  if (typeof nearest === 'string') return { value: nearest, by: 'nearest' };
  if (Array.isArray(candidates) && candidates.length > 0)
    return { value: idIn(candidates[0]), by: 'candidates' };
  if (Array.isArray(allowed) && allowed.length > 0)
    return { value: idIn(allowed[0]), by: 'allowed' };
  if (isObject(lookUp)) {
    const found = await lookedUp(deps, lookUp);
    if (found === undefined) return undefined;
    const isList = wanted['type'] === 'array' || Array.isArray(given);
    return { value: isList ? [found] : found, by: 'look_up' };
  }
  if (typeof given === 'number' && typeof max === 'number' && given > max)
    return { value: max, by: 'max' };
  if (typeof min === 'number') return { value: min, by: 'min' };
  if (typeof max === 'number') return { value: max, by: 'max' };
  const made = make(wanted);
  return made === undefined ? undefined : { value: made, by: 'expected' };
}

/** The first value at a place such as `devices[].device_id` of what a call answers. */
async function lookedUp(deps: RepairDeps, { method, take }: Json): Promise<unknown> {
  const request = { jsonrpc: '2.0', id: 1, method, params: {} };
  const { result } = (await deps.send(request)) as Response;
  return at(result, String(take).replaceAll('[]', '[0]'));
}

/** A value a schema excerpt is content with. */
function make(expected: Json): unknown {
  const { enum: words, type, minimum, minLength, properties, required } = expected;
  for (const known of ['example', 'default', 'const'])
    if (expected[known] !== undefined) return expected[known];
  if (Array.isArray(words)) return words[0];
  switch (Array.isArray(type) ? type[0] : type) {
    case 'number':
    case 'integer':
      return typeof minimum === 'number' ? minimum : (expected['maximum'] ?? 1);
    case 'boolean':
      return true;
    case 'string':
      return 'x'.repeat(typeof minLength === 'number' ? minLength : 1);
    case 'array': {
      const item = isObject(expected['items']) ? make(expected['items']) : undefined;
      return item === undefined ? [] : [item];
    }
    case 'object': {
      const members = isObject(properties) ? properties : {};
      return Object.fromEntries(
        (Array.isArray(required) ? required : []).map((name: string) => [
          name,
          isObject(members[name]) ? make(members[name]) : null,
        ]),
      );
    }
    default:
      return undefined;
  }
}

/** The calls that one call is split into: by a list in its params, or the batch itself. */
function splitUp(request: unknown, { field, at_most: most }: Json): unknown[] {
  const list = Array.isArray(request)
    ? request
    : at((request as { params?: unknown }).params, String(field));
  if (!Array.isArray(list) || typeof most !== 'number' || most < 1) return [];
  const parts: unknown[] = [];
  for (let start = 0; start < list.length; start += most) {
    const part = list.slice(start, start + most);
    if (Array.isArray(request)) {
      parts.push(part);
      continue;
    }
    const one = structuredClone(request) as Json;
    put(one['params'] as Json, String(field), part);
    parts.push(one);
  }
  return parts;
}

const resultsOf = (answer: unknown): unknown[] =>
  (Array.isArray(answer) ? answer : [answer]).map((one) => (one as Response).result);

const idIn = (value: unknown): unknown => (isObject(value) ? value['device_id'] : value);

const stepsOf = (place: string): (string | number)[] =>
  [...place.matchAll(/([^.[\]]+)|\[(\d+)\]/g)].map(([, name, index]) => name ?? Number(index));

function at(value: unknown, place: string): unknown {
  let found = value;
  for (const step of stepsOf(place))
    found =
      typeof found === 'object' && found !== null
        ? (found as Record<string | number, unknown>)[step]
        : undefined;
  return found;
}

function put(target: Json, place: string, value: unknown): void {
  const steps = stepsOf(place);
  const last = steps.pop();
  if (last === undefined) return;
  let holder: Record<string | number, unknown> = target;
  for (const step of steps) {
    if (typeof holder[step] !== 'object' || holder[step] === null) holder[step] = {};
    holder = holder[step] as Record<string | number, unknown>;
  }
  holder[last] = value;
}

function remove(target: Json, place: string): void {
  const steps = stepsOf(place);
  const last = steps.pop();
  const parent = steps.reduce<unknown>(
    (holder, step) => (holder as Record<string | number, unknown> | undefined)?.[step],
    target,
  );
  if (last !== undefined && typeof parent === 'object' && parent !== null)
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- the place is what the error says
    delete (parent as Record<string | number, unknown>)[last];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
