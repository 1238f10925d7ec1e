import { ErrorCode } from './error-codes.ts';
import type { Fix, LookUp } from './fix.ts';
import { isPlainPlace, isPlainWord, placeName, quoted, valueName } from './quoted.ts';

/** `error.data` of every error of the hub; the details of each kind of error stand beside these. */
export interface ErrorData extends Record<string, unknown> {
  /** What is wrong, in one sentence. */
  reason: string;
  /** The param that is wrong, such as `time_range.start`. */
  field?: string;
  /** What to do, in short sentences of the hub's own, the likeliest first; at most five. */
  suggestions: string[];
  /** Whether the same call, sent again as it is, can succeed and does no harm. */
  retryable: boolean;
  /** Milliseconds to wait before that. */
  retry_after_ms?: number;
  /** The suggestions as a change a program can carry out. */
  fix?: Fix;
  /** The call that tells the value that is missing. */
  look_up?: LookUp;
}

type Details = Record<string, unknown>;

const mostSuggestions = 5;
const longestSuggestion = 200;
const mostNamed = 8;

/** Calls that fail with these may be sent again as they are; the others only where their details say so. */
const retryableCodes: readonly number[] = [ErrorCode.DeviceOffline, ErrorCode.DeviceBusy];

/** Where ids of the usual params are found. */
const lookUps: Record<string, LookUp> = {
  device_id: { method: 'device.list', take: 'devices[].device_id' },
  device_ids: { method: 'device.list', take: 'devices[].device_id' },
  mcu_id: { method: 'device.list', take: 'devices[].device_id' },
  sensor_id: { method: 'sensor.list', take: 'sensors[].sensor_id' },
  alert_id: { method: 'alert.list', take: 'alerts[].alert_id' },
};

/**
 * The `data` of an error: its reason and details, and what follows from them for whoever wants to do better.
 * `suggestions`, `retryable`, `fix` and `look_up` that the details have themselves stay.
 */
export function teach(code: number, reason: string, details: Details): ErrorData {
  const wait = details['retry_after_ms'];
  const fix = (details['fix'] as Fix | undefined) ?? fixOf(code, details);
  const lookUp = fix ? undefined : lookUpOf(code, details);
  const retryable =
    typeof details['retryable'] === 'boolean'
      ? details['retryable']
      : retryableCodes.includes(code) || (code === ErrorCode.ResourceExhausted && isWait(wait));
  const known: Details = {
    ...details,
    ...(fix && { fix }),
    ...(lookUp && { look_up: lookUp }),
    retryable,
  };
  const given = Array.isArray(details['suggestions']) ? (details['suggestions'] as unknown[]) : [];
  const own = given.filter((one): one is string => typeof one === 'string' && one !== '');
  const suggestions = own.length > 0 ? own : suggestionsOf(code, known);
  return {
    reason,
    ...known,
    suggestions: [...new Set(suggestions.map(cut))].slice(0, mostSuggestions),
    retryable,
  };
}

/** What can be done by the details every kind of error shares. */
function fixOf(code: number, { field, nearest }: Details): Fix | undefined {
  if (code !== ErrorCode.InvalidParams && code !== ErrorCode.DeviceNotFound) return undefined;
  if (typeof field !== 'string' || !isPlainPlace(field)) return undefined;
  const value = isObject(nearest) ? nearest['device_id'] : nearest;
  return typeof value === 'string' && isPlainWord(value) ? { set: { [field]: value } } : undefined;
}

function lookUpOf(
  code: number,
  { field, look_up: own, allowed, candidates }: Details,
): LookUp | undefined {
  if (own !== undefined) return own as LookUp;
  const isAboutParams =
    code === ErrorCode.InvalidParams ||
    code === ErrorCode.DeviceNotFound ||
    code === ErrorCode.SchemaValidationFailed;
  if (!isAboutParams || typeof field !== 'string' || allowed !== undefined) return undefined;
  if (candidates !== undefined) return undefined;
  const [, name = ''] = /([^.[\]]+)(?:\[\d+\])?$/.exec(field) ?? [];
  return Object.hasOwn(lookUps, name) ? lookUps[name] : undefined;
}

function suggestionsOf(code: number, details: Details): string[] {
  const found = [...byFix(details['fix'] as Fix | undefined), ...byDetails(details)];
  const isAboutParams =
    code === ErrorCode.InvalidParams || code === ErrorCode.SchemaValidationFailed;
  return isAboutParams && found.length > 0 ? found : [...found, ...byCode(code, details)];
}

function byFix(fix: Fix | undefined): string[] {
  if (!fix) return [];
  const { method, rename, set, remove, split } = fix;
  return [
    ...(method === undefined ? [] : [`Call the method ${placeName(method)} instead.`]),
    ...Object.entries(rename ?? {}).map(
      ([from, to]) => `Rename the field ${placeName(from)} to ${placeName(to)}.`,
    ),
    ...Object.entries(set ?? {}).map(
      ([place, value]) => `Set ${placeName(place)} to ${valueName(value)}.`,
    ),
    ...(remove ?? []).map((place) => `Leave out ${placeName(place)}.`),
    ...(split === undefined
      ? []
      : [
          split.field === undefined
            ? `Send the requests in several batches of at most ${split.at_most}.`
            : `Make several calls with at most ${split.at_most} entries of ${placeName(split.field)} each.`,
        ]),
  ];
}

function byDetails(details: Details): string[] {
  const { field, fix, nearest, allowed, candidates, min, max, expected, look_up: lookUp } = details;
  const isFixed = fix !== undefined;
  const at = typeof field === 'string' && field !== '' ? placeName(field) : 'it';
  const texts: string[] = [];
  if (Array.isArray(candidates))
    for (const one of candidates.slice(0, 3)) texts.push(...candidateText(at, one));
  if (!isFixed && Array.isArray(allowed) && allowed.length > 0 && typeof field === 'string')
    texts.push(allowedText(at, allowed as unknown[]));
  if (!isFixed && Array.isArray(nearest) && nearest.length > 0)
    texts.push(
      `One of these may be meant: ${fitting(nearest.slice(0, mostNamed).map(valueName), 150)}.`,
    );
  if (!isFixed && (typeof min === 'number' || typeof max === 'number') && field !== undefined)
    texts.push(`Set ${at} to a number ${rangeText(min, max)}.`);
  if (!isFixed && allowed === undefined && isObject(expected))
    texts.push(`Set ${at} to ${expectedText(expected)}.`);
  if (isObject(lookUp))
    texts.push(
      `Call ${placeName(String(lookUp['method']))} and take the value for ${at} from ${quoted(lookUp['take'])} of its result.`,
    );
  return texts;
}

function candidateText(at: string, candidate: unknown): string[] {
  if (!isObject(candidate)) return [];
  const id = candidate['device_id'] ?? candidate['id'];
  const { name, where } = candidate;
  if (typeof id !== 'string') return [];
  const called = typeof name === 'string' ? `, which is called ${quoted(name)}` : '';
  const place = typeof where === 'string' && where !== '' ? ` in ${quoted(where, 40)}` : '';
  return [`Set ${at} to ${quoted(id)}${called}${place}, if that is meant.`];
}

function allowedText(at: string, allowed: unknown[]): string {
  const named = allowed.map((value) =>
    isObject(value) ? (value['device_id'] ?? value['name']) : value,
  );
  const some = named.slice(0, mostNamed).map(valueName);
  const more = named.length > some.length ? ', or another of data.allowed' : '';
  return some.length === 1 && more === ''
    ? `Set ${at} to ${some[0] ?? ''}.`
    : `Set ${at} to one of ${fitting(some, longestSuggestion - at.length - more.length - 20)}${more}.`;
}

/** As many of these as fit into so many characters. */
function fitting(names: readonly string[], room: number): string {
  let text = names[0] ?? '';
  for (const name of names.slice(1)) {
    if (text.length + name.length + 2 > room) break;
    text += `, ${name}`;
  }
  return text;
}

function rangeText(min: unknown, max: unknown): string {
  if (typeof min !== 'number') return `of at most ${String(max)}`;
  return typeof max === 'number' ? `from ${min} to ${max}` : `of at least ${min}`;
}

function expectedText(expected: Record<string, unknown>): string {
  const { type, enum: words, minimum, maximum, maxLength, format, example } = expected;
  if (Array.isArray(words) && words.length > 0)
    return `one of ${fitting(words.slice(0, mostNamed).map(valueName), 120)}`;
  const names = (Array.isArray(type) ? type : [type]).filter((one) => typeof one === 'string');
  const kind = names.length > 0 ? names.map(withArticle).join(' or ') : 'a value';
  const range =
    minimum === undefined && maximum === undefined ? '' : ` ${rangeText(minimum, maximum)}`;
  const size = typeof maxLength === 'number' ? ` of at most ${maxLength} characters` : '';
  const form = typeof format === 'string' ? ` in the format ${placeName(format)}` : '';
  const such = example === undefined ? '' : `, such as ${valueName(example)}`;
  return `${kind}${range}${size}${form}${such}`;
}

function withArticle(type: unknown): string {
  const name = String(type);
  return name === 'null' ? name : `${/^[aio]/.test(name) ? 'an' : 'a'} ${placeName(name)}`;
}

function byCode(code: number, details: Details): string[] {
  const { retry_after_ms: wait, retryable } = details;
  const again = isWait(wait)
    ? [`Wait ${Math.ceil(wait)} ms, then send the same call again.`]
    : retryable === true
      ? ['Send the same call again in a few seconds.']
      : [];
  switch (code) {
    case ErrorCode.ParseError:
      return ['Send one JSON-RPC 2.0 request, or an array of them, as JSON in UTF-8.'];
    case ErrorCode.MethodNotFound:
      return ['Call rpc.methods for the methods there are.'];
    case ErrorCode.InternalError:
      return [...again, 'Tell an operator of the hub: its log says more.'];
    case ErrorCode.DeviceOffline:
      return [
        'Wait until the device is online: device.get tells its status, and a subscription tells when it changes.',
        ...again,
      ];
    case ErrorCode.CommunicationTimeout:
      return again.length > 0
        ? again
        : [
            'Find out whether it happened before you send it again: read what it would have changed.',
            ...(details['timeout_ms'] === undefined
              ? []
              : ['If it did not happen, send it again with a larger timeout_ms.']),
          ];
    case ErrorCode.Unauthorized:
      return refusalTexts(details);
    case ErrorCode.ResourceExhausted:
      return again.length > 0 ? again : ['Ask for less at once.'];
    case ErrorCode.HardwareError:
      return ['Tell somebody who can look at the device; data.device_error is what it said.'];
    case ErrorCode.DeviceNotFound:
      return details['look_up'] ? again : [...again, 'Call device.list for the devices there are.'];
    case ErrorCode.DeviceBusy:
      return again;
    default:
      return again.length > 0 ? again : ['Change what data.reason names, then call again.'];
  }
}

function refusalTexts({
  allowed_roles: roles,
  policy,
  allowed,
  signature,
  fix,
}: Details): string[] {
  if (Array.isArray(roles))
    return [
      `Do without it, or ask a person for a key with the role ${roles.slice(0, mostNamed).map(String).join(' or ')}.`,
      'Call rpc.methods for what this key may call.',
    ];
  if (signature !== undefined)
    return [
      'Sign the call anew (docs/protocol.md, signed commands) and put it into params.signature.',
    ];
  if (policy !== undefined)
    return fix || allowed === undefined
      ? ['Ask a person if it has to be otherwise: this is a limit of safety.']
      : ['Stay within data.allowed, or ask a person: this is a limit of safety.'];
  return [
    'Call rpc.methods for what this key may call, or ask a person for a key that may do this.',
  ];
}

const isWait = (value: unknown): value is number => typeof value === 'number' && value >= 0;

function cut(text: string): string {
  return text.length > longestSuggestion ? `${text.slice(0, longestSuggestion - 1)}…` : text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
