import assert from 'node:assert/strict';
import { readEdge, readTimeRange } from '../../../nodes/core/time-words/read-time.ts';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';

// A Saturday.
const now = Date.parse('2026-11-28T15:30:00Z');
const read = (value: unknown, zone = 'Europe/Brussels', at = now): [start: string, end: string] => {
  const { start, end } = readTimeRange(value, { now: at, zone, field: 'time' });
  return [new Date(start).toISOString(), new Date(end).toISOString()];
};
const upToNow = (start: string): [string, string] => [start, '2026-11-28T15:30:00.000Z'];
const midnight = (from: string, to: string): [string, string] => [
  `${from}T23:00:00.000Z`,
  `${to}T23:00:00.000Z`,
];

const sayings: [words: string, expected: [string, string]][] = [
  ['last 24h', upToNow('2026-11-27T15:30:00.000Z')],
  ['Last 24 hours', upToNow('2026-11-27T15:30:00.000Z')],
  ['the last hour', upToNow('2026-11-28T14:30:00.000Z')],
  ['past 15 minutes', upToNow('2026-11-28T15:15:00.000Z')],
  ['the past two weeks', upToNow('2026-11-14T15:30:00.000Z')],
  ['past week', upToNow('2026-11-21T15:30:00.000Z')],
  ['last 7 days', upToNow('2026-11-21T15:30:00.000Z')],
  ['30d', upToNow('2026-10-29T15:30:00.000Z')],
  ['24h', upToNow('2026-11-27T15:30:00.000Z')],
  ['PT24H', upToNow('2026-11-27T15:30:00.000Z')],
  ['P7D', upToNow('2026-11-21T15:30:00.000Z')],
  ['today', upToNow('2026-11-27T23:00:00.000Z')],
  ['yesterday', midnight('2026-11-26', '2026-11-27')],
  ['the day before yesterday', midnight('2026-11-25', '2026-11-26')],
  ['this week', upToNow('2026-11-22T23:00:00.000Z')],
  ['last week', midnight('2026-11-15', '2026-11-22')],
  ['this month', upToNow('2026-10-31T23:00:00.000Z')],
  ['last month', ['2026-09-30T22:00:00.000Z', '2026-10-31T23:00:00.000Z']],
  ['last year', midnight('2024-12-31', '2025-12-31')],
  ['since Monday', upToNow('2026-11-22T23:00:00.000Z')],
  ['since yesterday', upToNow('2026-11-26T23:00:00.000Z')],
  ['since 2026-11-01', upToNow('2026-10-31T23:00:00.000Z')],
  ['since 3 hours ago', upToNow('2026-11-28T12:30:00.000Z')],
  ['on Tuesday', midnight('2026-11-23', '2026-11-24')],
  ['last Saturday', midnight('2026-11-20', '2026-11-21')],
  ['last night', ['2026-11-27T17:00:00.000Z', '2026-11-28T05:00:00.000Z']],
  ['yesterday evening', ['2026-11-27T17:00:00.000Z', '2026-11-27T23:00:00.000Z']],
  ['this morning', ['2026-11-28T05:00:00.000Z', '2026-11-28T11:00:00.000Z']],
  ['between 8am and 10am today', ['2026-11-28T07:00:00.000Z', '2026-11-28T09:00:00.000Z']],
  ['between 22:00 and 6:00 yesterday', ['2026-11-27T21:00:00.000Z', '2026-11-28T05:00:00.000Z']],
  ['2026-11-01 to 2026-11-07', midnight('2026-10-31', '2026-11-07')],
  ['from Monday to Wednesday', midnight('2026-11-22', '2026-11-25')],
  [
    '2026-11-01T00:00:00Z/2026-11-02T00:00:00Z',
    ['2026-11-01T00:00:00.000Z', '2026-11-02T00:00:00.000Z'],
  ],
  ['2026-11-05', midnight('2026-11-04', '2026-11-05')],
  ['November 2025', ['2025-10-31T23:00:00.000Z', '2025-11-30T23:00:00.000Z']],
  ['in October', ['2026-09-30T22:00:00.000Z', '2026-10-31T23:00:00.000Z']],
  ['2025', midnight('2024-12-31', '2025-12-31')],
  ['March 3rd to March 5th 2026', midnight('2026-03-02', '2026-03-05')],
  ['3 March 2026', midnight('2026-03-02', '2026-03-03')],
  ['letzte 24 Stunden', upToNow('2026-11-27T15:30:00.000Z')],
  ['die letzten 3 Tage', upToNow('2026-11-25T15:30:00.000Z')],
  ['gestern', midnight('2026-11-26', '2026-11-27')],
  ['gestern Abend', ['2026-11-27T17:00:00.000Z', '2026-11-27T23:00:00.000Z']],
  ['letzte Woche', midnight('2026-11-15', '2026-11-22')],
  ['seit Montag', upToNow('2026-11-22T23:00:00.000Z')],
  ['hier', midnight('2026-11-26', '2026-11-27')],
  ['hier soir', ['2026-11-27T17:00:00.000Z', '2026-11-27T23:00:00.000Z']],
  ['les 24 dernières heures', upToNow('2026-11-27T15:30:00.000Z')],
  ['la semaine dernière', midnight('2026-11-15', '2026-11-22')],
  ['depuis lundi', upToNow('2026-11-22T23:00:00.000Z')],
  ["aujourd'hui", upToNow('2026-11-27T23:00:00.000Z')],
  ['ayer', midnight('2026-11-26', '2026-11-27')],
  ['últimas 24 horas', upToNow('2026-11-27T15:30:00.000Z')],
  ['la semana pasada', midnight('2026-11-15', '2026-11-22')],
  ['desde el lunes', upToNow('2026-11-22T23:00:00.000Z')],
];

describe('a span of time in words', () => {
  for (const [words, expected] of sayings)
    it(words, () => {
      assert.deepEqual(read(words), expected);
    });

  it('says what was understood, and by whose clock', () => {
    const { understood } = readTimeRange('yesterday', { now, zone: 'Asia/Tokyo', field: 'time' });
    assert.deepEqual(understood, {
      start: '2026-11-27T15:00:00.000Z',
      end: '2026-11-28T15:00:00.000Z',
      time_zone: 'Asia/Tokyo',
      said: '"yesterday"',
    });
  });

  it('has days of 23 and 25 hours where the clock is changed, and 24 hours of 24 everywhere', () => {
    const hours = (words: string, at: string): number => {
      const [start, end] = read(words, 'Europe/Brussels', Date.parse(at));
      return (Date.parse(end) - Date.parse(start)) / 3_600_000;
    };
    assert.equal(hours('yesterday', '2026-03-30T10:00:00Z'), 23);
    assert.equal(hours('yesterday', '2026-10-26T10:00:00Z'), 25);
    assert.equal(hours('last 24h', '2026-03-29T10:00:00Z'), 24);
    assert.equal(hours('last 1 day', '2026-03-29T10:00:00Z'), 23);
    assert.equal(hours('last 7 days', '2026-10-28T10:00:00Z'), 169);
  });

  it('knows leap days and short months', () => {
    const at = Date.parse('2028-03-31T12:00:00Z');
    assert.deepEqual(read('last 1 month', 'UTC', at)[0], '2028-02-29T12:00:00.000Z');
    assert.deepEqual(read('2028-02', 'UTC', at), [
      '2028-02-01T00:00:00.000Z',
      '2028-03-01T00:00:00.000Z',
    ]);
    assert.throws(() => read('2027-02-29', 'UTC', at), RpcError);
  });

  it('takes two ends, each an instant or words', () => {
    assert.deepEqual(
      read({ start: 'yesterday', end: 'yesterday' }),
      midnight('2026-11-26', '2026-11-27'),
    );
    assert.deepEqual(read({ start: '3 hours ago' }), upToNow('2026-11-28T12:30:00.000Z'));
    assert.deepEqual(read({ start: now - 60_000, end: now }), upToNow('2026-11-28T15:29:00.000Z'));
    assert.deepEqual(
      read({ start: '2026-11-28T10:00', end: 'now' }),
      upToNow('2026-11-28T09:00:00.000Z'),
    );
    assert.equal(
      readEdge('last Monday at 5pm', 'start', { now, zone: 'UTC', field: 'start' }),
      Date.parse('2026-11-23T17:00:00Z'),
    );
  });

  for (const wrong of [
    'soon',
    '',
    'when the cat came in',
    '3/4/2026',
    'last',
    'last purple',
    'at 8am',
    '2026-13-01',
    'last 99999999 days',
    'yesterday; drop table readings',
    7,
    [],
    { start: 'never' },
    { start: 'today', end: 'yesterday' },
    { end: 'now' },
    { start: 'yesterday', middle: 'today' },
    'x'.repeat(101),
  ])
    it(`does not guess at ${JSON.stringify(wrong).slice(0, 40)}`, () => {
      assert.throws(
        () => read(wrong),
        (error) => {
          assert.ok(error instanceof RpcError);
          const { code, data } = error.toObject();
          assert.equal(code, -32602);
          assert.match(data.field ?? '', /^time/);
          assert.ok(data.suggestions.length > 0, JSON.stringify(data));
          return true;
        },
      );
    });

  it('names a zone that is none', () => {
    assert.throws(() => read('today', 'Mars/Olympus'), /time_zone/);
  });
});
