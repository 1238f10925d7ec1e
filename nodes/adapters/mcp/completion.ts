import { isObject } from '../../core/document.ts';
import type { DeviceRegistry, DeviceSummary } from '../../core/device/ports.ts';
import type { Principal } from '../../core/security/types.ts';
import type { createResourceAccess } from './resources.ts';
import type { McpHandler } from './types.ts';

/** As many the protocol allows in one answer. */
const mostValues = 100;
/** So many devices are looked through. */
const mostDevices = 1_000;
const longestPart = 128;

const days = ['today', 'yesterday'];
const periods = ['last 24h', 'last 7 days', 'last 30 days', 'this week', 'this month', 'yesterday'];

/** `completion/complete`: names of devices, rooms and measurements as they are typed, of what somebody may know of. */
export function createCompletion(deps: {
  devices: DeviceRegistry;
  access: Pick<ReturnType<typeof createResourceAccess>, 'may'>;
  argumentsOf: (prompt: unknown) => readonly string[];
}): Record<'completion/complete', McpHandler> {
  const seen = (principal: Principal, search: string): DeviceSummary[] =>
    // A device completes nothing: it knows its own id.
    deps.access.may('devices', principal)
      ? deps.devices
          .seenBy(principal)
          .list({ limit: mostDevices, ...(search !== '' && { search }) }).devices
      : [];

  const named = (argument: string, typed: string, principal: Principal): string[] => {
    switch (argument) {
      case 'device':
        return seen(principal, typed).map(({ name }) => name);
      case 'device_id':
        return seen(principal, typed).map((device) => device.device_id);
      case 'where':
      case 'room':
        return seen(principal, typed).flatMap(({ location }) => location ?? []);
      case 'measurement':
      case 'measurement_type':
        return seen(principal, '').flatMap(({ measurement_types }) => measurement_types);
      case 'day':
        return days;
      case 'period':
        return periods;
      default:
        return [];
    }
  };

  return {
    'completion/complete'({ ref, argument }, { principal }) {
      const { name, value } = (isObject(argument) ? argument : {}) as {
        name?: unknown;
        value?: unknown;
      };
      const typed = typeof value === 'string' ? value.slice(0, longestPart) : '';
      const known =
        isObject(ref) && ref['type'] === 'ref/prompt'
          ? deps.argumentsOf(ref['name'])
          : ['device_id', 'measurement_type'];
      const found =
        typeof name === 'string' && known.includes(name) ? named(name, typed, principal) : [];
      // By its id a device is found by its name too.
      const fits = (text: string): boolean =>
        name === 'device_id' ||
        name === 'device' ||
        text.toLowerCase().includes(typed.toLowerCase());
      const all = [...new Set(found)].filter(fits).sort();
      return Promise.resolve({
        completion: {
          values: all.slice(0, mostValues),
          total: all.length,
          hasMore: all.length > mostValues,
        },
      });
    },
  };
}
