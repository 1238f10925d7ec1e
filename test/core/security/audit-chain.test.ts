import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import {
  chainStart,
  checkChain,
  nextRow,
  readHead,
  type ChainHead,
  type ChainRow,
} from '../../../nodes/core/security/audit-chain.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

function chainOf(events: readonly string[], anchor: ChainHead = chainStart): ChainRow[] {
  const rows: ChainRow[] = [];
  let head = anchor;
  for (const event of events) rows.push((head = nextRow(head, event, sha256)));
  return rows;
}
const check = (rows: ChainRow[], expected?: ChainHead, anchor = chainStart) =>
  checkChain(anchor, rows, sha256, expected);

const events = fc.array(fc.string({ minLength: 1 }), { minLength: 2, maxLength: 12 });

describe('the chain of the audit log', () => {
  it('is whole as it was written, from any anchor', () => {
    fc.assert(
      fc.property(events, fc.nat(11), (texts, at) => {
        const rows = chainOf(texts);
        const head = rows.at(-1) as ChainRow;
        const cut = Math.min(at, rows.length - 1);
        const anchor = cut === 0 ? chainStart : (rows[cut - 1] as ChainRow);
        const report = check(rows.slice(cut), head, anchor);
        assert.equal(report.broken, undefined);
        assert.equal(report.rows, rows.length - cut);
        assert.equal(report.head.hash, head.hash);
      }),
    );
  });

  it('shows any changed character, of an event as of a hash, at its row', () => {
    fc.assert(
      fc.property(events, fc.nat(), fc.nat(), fc.boolean(), (texts, where, at, inHash) => {
        const rows = chainOf(texts);
        const row = rows[where % rows.length] as ChainRow;
        const text = inHash ? row.hash : row.event;
        const place = at % text.length;
        const other = text[place] === '0' ? '1' : '0';
        const changed = text.slice(0, place) + other + text.slice(place + 1);
        const forged = rows.map((one) =>
          one === row ? { ...one, ...(inHash ? { hash: changed } : { event: changed }) } : one,
        );
        assert.equal(check(forged).broken?.seq, row.seq);
      }),
    );
  });

  it('shows rows that were removed, swapped, doubled or put in', () => {
    fc.assert(
      fc.property(events, fc.nat(), (texts, where) => {
        const rows = chainOf(texts.map((text, i) => `${i} ${text}`));
        const at = where % (rows.length - 1);
        const row = rows[at] as ChainRow;
        const next = rows[at + 1] as ChainRow;
        assert.equal(check(rows.toSpliced(at, 1)).broken?.seq, row.seq, 'removed');
        const renumbered = rows.toSpliced(at, 1).map((one, i) => ({ ...one, seq: i + 1 }));
        assert.equal(check(renumbered).broken?.seq, row.seq, 'removed and numbered anew');
        const swapped = rows
          .with(at, { ...next, seq: row.seq })
          .with(at + 1, { ...row, seq: next.seq });
        assert.equal(check(swapped).broken?.seq, row.seq, 'swapped');
        assert.ok(check(rows.toSpliced(at, 0, row)).broken, 'doubled');
        const forged = nextRow({ seq: at, hash: 'f'.repeat(64) }, 'forged', sha256);
        const inserted = rows.toSpliced(at, 0, forged).map((one, i) => ({ ...one, seq: i + 1 }));
        assert.equal(check(inserted).broken?.seq, row.seq, 'inserted');
      }),
    );
  });

  it('shows a cut end, and a chain made anew, by a head that was kept elsewhere', () => {
    const rows = chainOf(['a', 'b', 'c']);
    const head = rows[2] as ChainRow;
    assert.equal(check(rows.slice(0, 2)).broken, undefined);
    assert.match(
      check(rows.slice(0, 2), head).broken?.problem ?? '',
      /ends at row 2.*up to 3 were cut off/,
    );
    assert.match(check([], head).broken?.problem ?? '', /ends at row 0/);
    assert.match(check(chainOf(['a', 'x', 'c']), head).broken?.problem ?? '', /rewritten/);
    assert.equal(check(chainOf(['a', 'b', 'c', 'd']), head).broken, undefined);
    assert.match(check([head], rows[0], rows[1]).broken?.problem ?? '', /removed by retention/);
    assert.equal(check([head], rows[1], rows[1]).broken, undefined);
  });

  it('reads a head strictly', () => {
    assert.deepEqual(readHead(`12:${'a'.repeat(64)}\n`), { seq: 12, hash: 'a'.repeat(64) });
    for (const text of [
      '',
      '12',
      `x:${'a'.repeat(64)}`,
      `1:${'A'.repeat(64)}`,
      `1:${'a'.repeat(63)}`,
    ])
      assert.throws(() => readHead(text), /<count>:<hash>/);
  });
});
