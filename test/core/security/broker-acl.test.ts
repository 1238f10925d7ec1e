import assert from 'node:assert/strict';
import { aclFormats, brokerAcl } from '../../../nodes/core/security/broker-acl.ts';
import { maySubscribe } from '../../../nodes/core/security/topic-acl.ts';
import { aclCases } from '../../support/acl-cases.ts';

/** Whether a topic name matches a filter of a rule. */
function matches(topic: string, filter: string): boolean {
  const [names, levels] = [topic.split('/'), filter.split('/')];
  const many = levels.indexOf('#');
  if (many < 0 ? names.length !== levels.length : names.length < many) return false;
  return levels
    .slice(0, many < 0 ? levels.length : many)
    .every((level, i) => level === '+' || level === names[i]);
}

/** Reads the rules as EMQX documents them: Erlang terms, the first that matches counts. */
function emqx(text: string) {
  const rules = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('%%'))
    .map((line) => {
      if (line === '{deny, all}.') return undefined;
      const found =
        /^\{allow, (?:all|\{username, "([^"]+)"\}), (publish|subscribe), (\[.*\])\}\.$/.exec(line);
      assert.ok(found, line);
      return { user: found[1], action: found[2], filters: JSON.parse(found[3] ?? '') as string[] };
    });
  assert.equal(rules.indexOf(undefined), rules.length - 1, 'all else is denied at the end');
  return (action: string, user: string, client: string, topic: string): boolean =>
    rules.some(
      (rule) =>
        rule?.action === action &&
        (rule.user === undefined || rule.user === user) &&
        rule.filters.some((filter) =>
          matches(topic, filter.replace('${username}', user).replace('${clientid}', client)),
        ),
    );
}

describe('the ACL files of other brokers', () => {
  const { users, topics, devices, ownerOf } = aclCases;

  it('allow in EMQX what the hub itself allows, topic by topic and user by user', () => {
    const allows = emqx(brokerAcl('emqx', { hubUser: 'admin', devices }));
    let allowed = 0;
    for (const [user, principal] of Object.entries(users))
      for (const topic of topics) {
        const may = {
          publish: aclCases.mayPublish(user, topic),
          subscribe: maySubscribe(principal, topic, `client-${user}`, ownerOf),
        };
        for (const [action, expected] of Object.entries(may)) {
          assert.equal(
            allows(action, user, `client-${user}`, topic),
            expected,
            `${user} ${action} ${topic}`,
          );
          if (expected) allowed += 1;
        }
      }
    assert.ok(allowed > 20);
  });

  it('refuse names that would mean something else there', () => {
    for (const format of aclFormats)
      for (const bad of ['#', '+', 'a/b', 'a b', 'a"}', 'a\nuser x', '', 'a\\'])
        for (const options of [
          { hubUser: bad, devices: [] },
          { hubUser: 'hub', devices: [{ device_id: bad, sensor_ids: [] }] },
          { hubUser: 'hub', devices: [{ device_id: 'd', sensor_ids: [bad] }] },
        ])
          assert.throws(() => brokerAcl(format, options), RangeError, JSON.stringify(bad));
  });
});
