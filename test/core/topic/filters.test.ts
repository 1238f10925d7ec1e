import assert from 'node:assert/strict';
import { filterMatches } from '../../../nodes/core/topic/filters.ts';

describe('a filter of a subscription', () => {
  const cases: [filter: string, topic: string, matches: boolean][] = [
    ['a/b', 'a/b', true],
    ['a/b', 'a/b/c', false],
    ['a/b/c', 'a/b', false],
    ['a/+', 'a/b', true],
    ['a/+', 'a/b/c', false],
    ['+/+/c', 'a/b/c', true],
    ['+', 'a/b', false],
    ['a/#', 'a/b/c', true],
    ['a/#', 'a', true],
    ['#', 'a/b', true],
    ['a/b/#', 'a/c', false],
  ];
  for (const [filter, topic, matches] of cases)
    it(`${filter} ${matches ? 'gets' : 'does not get'} ${topic}`, () => {
      assert.equal(filterMatches(filter, topic), matches);
    });
});
