import assert from 'node:assert/strict';
import { figuresOf, judge, phrasesOf, phraseSets, type Judged } from '../../support/houses.ts';

/** What was measured, a little less where there is something to lose. */
const least: Record<(typeof phraseSets)[number], { top1: number; wrong: number; count: number }> = {
  'phrases.json': { top1: 0.99, wrong: 0, count: 300 },
  'phrases-held-out.json': { top1: 0.97, wrong: 0, count: 100 },
  'phrases-second.json': { top1: 0.92, wrong: 0, count: 40 },
};

const told = (judged: readonly Judged[]): string =>
  judged
    .filter(({ outcome }) => outcome !== 'right')
    .map(({ house, phrase, outcome, said }) => `${house}: ${phrase}: ${outcome} (${said})`)
    .join('\n');

describe('phrases of five houses', () => {
  for (const name of phraseSets)
    it(`${name}: the right devices, a question where it is not clear, and no wrong guess`, async () => {
      const judged = await judge(phrasesOf(name));
      const { phrases, top1, wrong } = figuresOf(judged);
      assert.ok(phrases >= least[name].count);
      assert.equal(wrong, least[name].wrong, told(judged));
      assert.ok(top1 >= least[name].top1, `${top1}\n${told(judged)}`);
    });

  it('are in several languages, and many have no answer', () => {
    const phrases = phrasesOf('phrases.json');
    assert.ok(phrases.filter(({ means }) => means.length === 0).length >= 40);
    assert.equal(new Set(phrases.map(({ house }) => house)).size, 3);
  });
});
