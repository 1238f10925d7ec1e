import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseTimestamp } from '../../../nodes/core/telemetry/timestamp.ts';

describe('parseTimestamp', () => {
  it('reads what toISOString writes, with and without milliseconds', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }),
        (date) => {
          const text = date.toISOString();
          assert.equal(parseTimestamp(text), date.getTime());
          const seconds = Math.floor(date.getTime() / 1_000) * 1_000;
          assert.equal(parseTimestamp(`${text.slice(0, 19)}Z`), seconds);
        },
      ),
    );
  });

  it('refuses a text of the right length that is no time', () => {
    for (const text of [
      '2026-02-30T00:00:00Z',
      '2026-13-01T00:00:00Z',
      '2026-01-00T00:00:00Z',
      '2026-01-01T25:00:00Z',
      '2026-01-01T00:60:00.000Z',
      '2026-01-01T00:00:00.00aZ',
      '2026-01-01 00-00-00.000Z',
    ])
      assert.equal(parseTimestamp(text), undefined, text);
  });

  it('takes other forms of ISO 8601, and milliseconds', () => {
    const noon = Date.UTC(2026, 10, 30, 12);
    for (const value of [
      noon,
      '2026-11-30T12:00:00Z',
      '2026-11-30T13:00:00+01:00',
      '2026-11-30 12:00',
      '2026-11-30T12:00:00,0',
    ])
      assert.equal(parseTimestamp(value), noon, String(value));
    assert.equal(parseTimestamp('0050-01-01T00:00:00Z'), Date.parse('0050-01-01T00:00:00Z'));
  });
});
