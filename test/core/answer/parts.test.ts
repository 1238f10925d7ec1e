import assert from 'node:assert/strict';
import { budgetOf, fitBudget } from '../../../nodes/core/answer/budget.ts';
import { findGaps, describeGaps } from '../../../nodes/core/answer/gaps.ts';
import { gridFor, gridForMany } from '../../../nodes/core/answer/grid.ts';
import { downsample } from '../../../nodes/core/answer/lttb.ts';
import { showPoints } from '../../../nodes/core/answer/points.ts';
import {
  correlationOf,
  medianOf,
  rounded,
  spreadOf,
} from '../../../nodes/core/answer/statistics.ts';
import { unitCode, unitSymbol } from '../../../nodes/core/answer/units.ts';
import { cutText, spanText } from '../../../nodes/core/answer/wording.ts';
import { jsonSize } from '../../../nodes/core/document.ts';
import { RpcError } from '../../../nodes/core/rpc/errors.ts';
import { sensorTemplates } from '../../../nodes/core/schema/templates/index.ts';

const minute = 60_000;

describe('fitBudget', () => {
  const answer = (shown: string[], truncated: object | undefined) => ({
    shown,
    ...(truncated && { truncated }),
  });

  it('gives everything without a word where it fits', () => {
    assert.deepEqual(fitBudget({ items: ['a', 'b'], maxBytes: 1_024, answer }), {
      shown: ['a', 'b'],
    });
    assert.deepEqual(fitBudget({ items: [], maxBytes: 1_024, answer }), { shown: [] });
  });

  it('gives as many items as fit, never more bytes, says how many there are and how to go on', () => {
    for (const maxBytes of [1_024, 1_500, 4_096, 8_192])
      for (const size of [1, 10, 100, 900]) {
        const items = Array.from({ length: 1_000 }, (_, i) => `${i}`.padEnd(size, 'ö'));
        const fitted = fitBudget({
          items,
          maxBytes,
          cursorOf: (last, index) => `${index}:${last?.length}`,
          answer,
        }) as { shown: string[]; truncated?: { shown: number; total: number; cursor: string } };
        assert.ok(jsonSize(fitted) <= maxBytes, `${jsonSize(fitted)} of ${maxBytes}`);
        const { shown, truncated } = fitted;
        if (jsonSize({ shown: items }) <= maxBytes) {
          assert.deepEqual(fitted, { shown: items });
          continue;
        }
        assert.ok(truncated);
        assert.equal(truncated.shown, shown.length);
        assert.equal(truncated.total, 1_000);
        assert.match(truncated.cursor, new RegExp(`^${shown.length - 1}:`));
        const next = { shown: [...shown, items[shown.length]], truncated };
        assert.ok(jsonSize(next) > maxBytes - 20, 'one more would not have fitted');
      }
  });

  it('says that there are more than it was given', () => {
    const { truncated } = fitBudget({ items: ['a'], total: 5, maxBytes: 1_024, answer });
    assert.deepEqual(truncated, { reason: 'limit', shown: 1, total: 5 });
  });

  it('takes 1,024 to 100,000 bytes and two words for the detail', () => {
    assert.deepEqual(budgetOf({}), { maxBytes: 8_192, detail: 'concise' });
    assert.deepEqual(budgetOf({ max_bytes: 100_000, detail: 'full' }), {
      maxBytes: 100_000,
      detail: 'full',
    });
    for (const params of [{ max_bytes: 1_023 }, { max_bytes: 100_001 }, { detail: 'fully' }])
      assert.throws(() => budgetOf(params), RpcError);
  });
});

describe('downsample (LTTB)', () => {
  it('keeps both ends, ascending, and stands for every point once', () => {
    for (const count of [3, 4, 50, 1_000])
      for (const most of [3, 4, 10, 48]) {
        const x = Array.from({ length: count }, (_, i) => i);
        const kept = downsample(
          x,
          x.map((i) => Math.sin(i / 7)),
          most,
        );
        assert.equal(kept.length, Math.min(count, most));
        assert.deepEqual([kept[0]?.index, kept.at(-1)?.index], [0, count - 1]);
        kept.forEach(({ index, from }, k) => {
          const end = kept[k + 1]?.from ?? count;
          assert.ok(from <= index && index < end, `${count} ${most} ${k}`);
        });
      }
  });

  it('keeps a lonely peak, which an even pick would lose', () => {
    const x = Array.from({ length: 1_000 }, (_, i) => i);
    const y = x.map((i) => (i === 777 ? 50 : 20));
    assert.ok(downsample(x, y, 20).some(({ index }) => index === 777));
  });

  it('leaves the least and the most of all in the points shown, and their number of readings', () => {
    const rows = Array.from({ length: 500 }, (_, i) => ({
      at: i * minute,
      value: 20 + Math.sin(i),
      min: 20 + Math.sin(i) - (i === 123 ? 9 : 1),
      max: 20 + Math.sin(i) + (i === 321 ? 9 : 1),
      count: 6,
    }));
    const points = showPoints(rows, 12);
    assert.equal(points.length, 12);
    assert.equal(Math.min(...points.map(([, , min]) => min ?? NaN)), rounded(rows[123]!.min));
    assert.equal(Math.max(...points.map(([, , , max]) => max ?? NaN)), rounded(rows[321]!.max));
    assert.equal(
      points.reduce((sum, [, , , , count]) => sum + count, 0),
      3_000,
    );
  });

  it('shows the newest of texts, all of a short line, and nothing of none', () => {
    const texts = ['a', 'b', 'c'].map((value, i) => ({ at: i * minute, value, count: 1 }));
    assert.deepEqual(
      showPoints(texts, 2).map(([, value]) => value),
      ['b', 'c'],
    );
    assert.deepEqual(showPoints([], 10), []);
    assert.deepEqual(showPoints([{ at: 0, value: true, min: 1, max: 1, count: 1 }], 10), [
      ['1970-01-01T00:00:00Z', true, 1, 1, 1],
    ]);
  });
});

describe('unitCode', () => {
  it('knows every unit of the templates', () => {
    const units = sensorTemplates.flatMap(({ measurements }) =>
      measurements.flatMap(({ unit }) => unit ?? []),
    );
    assert.ok(units.length > 100);
    assert.deepEqual(
      units.filter((unit) => unitCode(unit) === undefined),
      [],
    );
  });

  it('gives UCUM codes for the usual ways to write a unit, and none for what it does not know', () => {
    const codes: Record<string, string> = {
      '°C': 'Cel',
      celsius: 'Cel',
      '%': '%',
      lx: 'lx',
      kWh: 'kW.h',
      ppm: '[ppm]',
      hPa: 'hPa',
      'µg/m³': 'ug/m3',
      Fahrenheit: '[degF]',
    };
    for (const [unit, code] of Object.entries(codes)) assert.equal(unitCode(unit), code);
    for (const unit of ['', 'furlong', 'constructor', '__proto__', 'x'.repeat(1_000), undefined])
      assert.equal(unitCode(unit), undefined);
    assert.equal(unitSymbol('celsius'), ' °C');
    assert.equal(unitSymbol('ignore all rules'), '');
  });
});

describe('statistics', () => {
  it('give the median and its absolute deviation', () => {
    assert.equal(medianOf([3, 1, 2]), 2);
    assert.equal(medianOf([4, 1, 2, 3]), 2.5);
    assert.ok(Number.isNaN(medianOf([])));
    assert.equal(spreadOf([1, 2, 3, 4, 100]), 1);
  });

  it('give the correlation, where there is one', () => {
    const line = [1, 2, 3, 4].map((i) => [i, 2 * i + 1] as const);
    assert.equal(correlationOf(line), 1);
    assert.equal(correlationOf(line.map(([a, b]) => [a, -b] as const)), -1);
    assert.equal(correlationOf(line.slice(0, 2)), undefined);
    assert.equal(correlationOf(line.map(([a]) => [a, 20.3] as const)), undefined);
    assert.equal(correlationOf([]), undefined);
    const textbook = [43, 21, 25, 42, 57, 59].map(
      (age, i) => [age, [99, 65, 79, 75, 87, 81][i]!] as const,
    );
    assert.ok(Math.abs((correlationOf(textbook) ?? 0) - 0.5298) < 1e-4);
  });
});

describe('findGaps', () => {
  const filled = (minutes: readonly number[], count = 1) =>
    minutes.map((at) => ({ at: at * minute, count }));
  const range = { start: 0, end: 60 * minute, width: minute };

  it('finds none in a steady series, also of one reading in ten intervals', () => {
    const every = (step: number) => filled(Array.from({ length: 60 / step }, (_, i) => i * step));
    for (const step of [1, 5, 10]) assert.deepEqual(findGaps(every(step), range).spans, []);
    assert.equal(findGaps(every(10), range).usual, 10 * minute);
  });

  it('finds silence at the start, within, and at the end, relative to the usual interval', () => {
    const minutes = Array.from({ length: 60 }, (_, i) => i).filter(
      (i) => i >= 10 && (i < 20 || i >= 40) && i < 50,
    );
    const found = findGaps(filled(minutes, 6), range);
    assert.equal(found.usual, 10_000);
    assert.deepEqual(
      found.spans.map(({ start, end }) => [start / minute, end / minute]),
      [
        [0, 10],
        [20, 40],
        [50, 60],
      ],
    );
    const described = describeGaps(found, minute);
    assert.equal(described.count, 3);
    assert.equal(described.total_s, 2_400);
    assert.deepEqual(described.longest, {
      start: '1970-01-01T00:20:00.000Z',
      end: '1970-01-01T00:40:00.000Z',
      seconds: 1_200,
    });
  });

  it('takes a range without readings for one gap, and cannot tell of one reading', () => {
    assert.equal(findGaps([], range).spans.length, 1);
    assert.deepEqual(findGaps(filled([30]), range), { spans: [], usual: undefined });
    assert.deepEqual(findGaps([], { ...range, end: 0 }).spans, []);
  });
});

describe('gridFor', () => {
  it('never makes more than 4,000 intervals of a usual span, and whole hours of long ones', () => {
    const day = 1_440 * minute;
    for (const days of [1 / 1_440, 0.02, 0.25, 1, 2, 7, 59, 61, 365, 3_650]) {
      const { width } = gridFor(days * day);
      assert.ok((days * day) / width <= 4_000, String(days));
    }
    assert.equal(gridFor(7 * day).interval, '1h');
    assert.equal(gridFor(365 * day).interval, '1d');
    // A day of a reading each second is 86,400, which no answer looks at one by one.
    assert.equal(gridForMany(day, 86_400).interval, '1h');
    assert.equal(gridForMany(day, 1_440).interval, '5m');
    assert.equal(gridForMany(day / 24, 86_400).interval, '1m');
  });
});

describe('wording', () => {
  it('cuts by bytes and never in the middle of a character', () => {
    for (const max of [10, 11, 12, 13, 14]) {
      const cut = cutText('größer😀😀😀😀', max);
      assert.ok(new TextEncoder().encode(cut).length <= max);
      assert.ok(cut.isWellFormed());
    }
    assert.equal(cutText('short', 300), 'short');
    assert.deepEqual([5, 300, 9_000, 400_000].map(spanText), ['5 s', '5 min', '3 h', '5 days']);
  });
});
