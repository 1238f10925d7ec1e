import assert from 'node:assert/strict';
import fc from 'fast-check';
import { createTopicTree } from '../../../nodes/adapters/mqtt/sessions/topic-tree.ts';

const level = fc.constantFrom('a', 'b', '', '$x', '__proto__', 'constructor');
const topics = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const filters = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 0, maxLength: 4 }), fc.boolean())
  .filter(([levels, all]) => all || levels.length > 0)
  .map(([levels, all]) => [...levels, ...(all ? ['#'] : [])].join('/'));

/** MQTT 5 section 4.7, as it is written there. */
function matches(filter: string, topic: string): boolean {
  const [wanted, given] = [filter.split('/'), topic.split('/')];
  if (given[0]!.startsWith('$') && ['+', '#'].includes(wanted[0]!)) return false;
  const toTheEnd = wanted.at(-1) === '#';
  const fixed = toTheEnd ? wanted.slice(0, -1) : wanted;
  if (toTheEnd ? given.length < fixed.length : given.length !== fixed.length) return false;
  return fixed.every((one, at) => one === '+' || one === given[at]);
}

describe('the topic tree', () => {
  it('finds the filters of a topic', () => {
    fc.assert(
      fc.property(fc.uniqueArray(filters), fc.uniqueArray(filters), topics, (all, gone, topic) => {
        const tree = createTopicTree<string>();
        for (const filter of all) tree.set(filter, filter);
        for (const filter of gone) tree.delete(filter);
        const left = all.filter((filter) => !gone.includes(filter));
        for (const filter of left) assert.equal(tree.get(filter), filter);
        const wanted = left.filter((filter) => matches(filter, topic));
        assert.deepEqual(tree.matching(topic).sort(), wanted.sort());
      }),
    );
  });

  it('finds the topics of a filter', () => {
    fc.assert(
      fc.property(fc.uniqueArray(topics), fc.uniqueArray(topics), filters, (all, gone, filter) => {
        const tree = createTopicTree<string>();
        for (const topic of all) tree.set(topic, topic);
        for (const topic of gone) tree.delete(topic);
        const left = all.filter((topic) => !gone.includes(topic));
        const wanted = left.filter((topic) => matches(filter, topic));
        assert.deepEqual([...tree.matchedBy(filter)].sort(), wanted.sort());
      }),
    );
  });

  it('holds one value a topic', () => {
    const tree = createTopicTree<number>();
    tree.set('a/b', 1);
    tree.set('a/b', 2);
    assert.deepEqual([...tree.matchedBy('#')], [2]);
    assert.equal(tree.get('a'), undefined);
  });
});
