import { branchFilter, formatTopic, isTopicId, topicRoot } from '../topic/topics.ts';
import { deviceBranches } from './topic-acl.ts';

/** Brokers whose ACL files can be written. */
export const aclFormats = ['mosquitto', 'emqx'] as const;
export type AclFormat = (typeof aclFormats)[number];

/** A device as a broker knows it: its id is its user name. */
export interface AclDevice {
  device_id: string;
  sensor_ids: readonly string[];
}

/** Topic filters by what may be done with them. */
interface Grants {
  publish: string[];
  subscribe: string[];
}

/** Stands for the user name and the client id in the rules for everybody. */
interface Placeholders {
  user: string;
  client: string;
}

const announce = formatTopic({ branch: 'announce' });
const query = formatTopic({ branch: 'query' });
const answerTo = (client: string): string =>
  branchFilter('discovery-response').replace('+', () => client);

const handshake = (client: string): Grants => ({
  publish: [announce],
  subscribe: [query, answerTo(client)],
});
const ofDevice = (id: string): Grants => ({
  publish: deviceBranches.map((branch) => branchFilter(branch).replace('+', () => id)),
  subscribe: [`${topicRoot}/devices/${id}/#`],
});

/**
 * The ACL of `mayPublish` and `maySubscribe` as a file of an external broker. Devices log in with their id as user
 * name, newcomers as `register`, the hub as `hubUser`. Rules with placeholders cover what a device does for itself;
 * each sensor has a rule of its own, so the file is to be written again when sensors are added.
 * @throws RangeError for a name that cannot stand in a topic or in the file
 */
export function brokerAcl(
  format: AclFormat,
  options: { hubUser: string; devices: readonly AclDevice[] },
): string {
  const { hubUser, devices } = options;
  for (const name of [hubUser, ...devices.flatMap((d) => [d.device_id, ...d.sensor_ids])])
    if (!isTopicId(name) || /["\\\s]/.test(name))
      throw new RangeError(`"${name}" cannot stand in an ACL file`);
  const hub: Grants = { publish: [branchFilter('any')], subscribe: [branchFilter('any')] };
  const sensors = devices
    .filter(({ sensor_ids }) => sensor_ids.length > 0)
    .map(({ device_id, sensor_ids }) => ({
      user: device_id,
      grants: merge(sensor_ids.map(ofDevice)),
    }));
  return writers[format]({
    users: [{ user: hubUser, grants: hub }, ...sensors],
    everybody: ({ user, client }) => merge([handshake(client), ofDevice(user)]),
  });
}

interface Rules {
  users: { user: string; grants: Grants }[];
  everybody: (placeholders: Placeholders) => Grants;
}

const writers: Record<AclFormat, (rules: Rules) => string> = {
  mosquitto({ users, everybody }) {
    const lines = (word: string, { publish, subscribe }: Grants): string[] => [
      ...publish.map((filter) => `${word} write ${filter}`),
      ...subscribe.map((filter) => `${word} read ${filter}`),
    ];
    return [
      '# acl_file of Mosquitto; what is not listed is denied. allow_anonymous must be false.',
      ...users.flatMap(({ user, grants }) => ['', `user ${user}`, ...lines('topic', grants)]),
      '',
      ...lines('pattern', everybody({ user: '%u', client: '%c' })),
      '',
    ].join('\n');
  },

  emqx({ users, everybody }) {
    const lines = (who: string, { publish, subscribe }: Grants): string[] => [
      `{allow, ${who}, publish, ${JSON.stringify(publish)}}.`,
      `{allow, ${who}, subscribe, ${JSON.stringify(subscribe)}}.`,
    ];
    return [
      '%% acl.conf of EMQX (authorization source of type file); the first rule that matches counts.',
      ...users.flatMap(({ user, grants }) => lines(`{username, "${user}"}`, grants)),

      ...lines('all', everybody({ user: '${username}', client: '${clientid}' })),
      '{deny, all}.',
      '',
    ].join('\n');
  },
};

function merge(all: readonly Grants[]): Grants {
  return {
    publish: all.flatMap(({ publish }) => publish),
    subscribe: all.flatMap(({ subscribe }) => subscribe),
  };
}
