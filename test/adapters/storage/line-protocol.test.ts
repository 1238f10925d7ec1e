import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Reading } from '../../../nodes/core/telemetry/types.ts';
import { qualities } from '../../../nodes/core/telemetry/types.ts';
import {
  originalTag,
  originalText,
  storedTag,
  storedText,
} from '../../../nodes/adapters/storage/influx/influx-text.ts';
import {
  encodeReadings,
  readingsMeasurement,
} from '../../../nodes/adapters/storage/influx/line-protocol.ts';
import { parseLine, parseLines, type ParsedPoint } from '../../support/line-protocol-parser.ts';

const reading = (more: Partial<Reading> = {}): Reading => ({
  device_id: 'd',
  measurement_type: 't',
  value: 1,
  timestamp: 1_000,
  ...more,
});
const lineOf = (more: Partial<Reading>): string => {
  const { lines, rejected } = encodeReadings([reading(more)]);
  assert.deepEqual(rejected, []);
  return lines[0]!;
};

/** The reading a point was made of. */
function readingOf({ measurement, tags, fields, timestamp }: ParsedPoint): Reading {
  assert.equal(measurement, readingsMeasurement);
  const known = ['device_id', 'measurement_type', 'sensor_id'];
  assert.deepEqual(
    [...tags.keys()].filter((key) => !known.includes(key)),
    [],
  );
  const valueOf = (name: string): unknown => fields.get(name)?.value;
  const text = valueOf('text') as string | undefined;
  const sensor = tags.get('sensor_id');
  const unit = valueOf('unit') as string | undefined;
  return {
    device_id: originalTag(tags.get('device_id')!),
    ...(sensor !== undefined && { sensor_id: originalTag(sensor) }),
    measurement_type: originalTag(tags.get('measurement_type')!),
    value:
      text === undefined
        ? ((valueOf('boolean') ?? valueOf('number')) as number | boolean)
        : originalText(text),
    quality: originalText(valueOf('quality') as string) as 'good',
    ...(unit !== undefined && { unit: originalText(unit) }),
    timestamp: Number(timestamp),
  };
}

const hostile = fc.oneof(
  fc
    .array(fc.constantFrom(...Array.from('\\,= "\n\r\t\0%25uDFA0a\u2028'), '\ud83d', '\ude00'))
    .map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((c) => String.fromCharCode(c)) }),
  fc.constantFrom('', '%', '%25', '\\', 'a\\', '%5C', '%u', '__proto__', ' ', '#', '\u0000'),
);
const readings = fc.record(
  {
    device_id: hostile,
    sensor_id: hostile.filter((id) => id !== ''),
    measurement_type: hostile,
    value: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), hostile, fc.boolean()),
    unit: hostile,
    quality: fc.constantFrom(...qualities),
    timestamp: fc.integer({ min: -9_220_000_000_000, max: 9_220_000_000_000 }),
  },
  { requiredKeys: ['device_id', 'measurement_type', 'value', 'quality', 'timestamp'] },
) as fc.Arbitrary<Reading>;

describe('line protocol', () => {
  it('writes a number, a text and a boolean as fields of their own, with tags in the order of their keys', () => {
    assert.equal(
      lineOf({ value: 21.5, unit: 'celsius', quality: 'bad', sensor_id: 's' }),
      'llm_iot_readings,device_id=d,measurement_type=t,sensor_id=s number=21.5,quality="bad",unit="celsius" 1000',
    );
    assert.match(lineOf({ value: 'on' }), / text="on",quality="good" 1000$/);
    assert.match(lineOf({ value: true }), / boolean=true,number=1,quality="good" 1000$/);
    assert.match(lineOf({ value: false }), / boolean=false,number=0,quality="good" 1000$/);
  });

  it('leaves usual names and texts as they are', () => {
    for (const text of ['esp32-a4:cf:12', 'living room', '50 %', '100%!', 'Ünï 😀', "it's"]) {
      assert.equal(storedTag(text), text);
      assert.equal(storedText(text), text);
    }
  });

  it('escapes what would end a tag or a text', () => {
    assert.match(lineOf({ device_id: 'a b,c=d' }), /device_id=a\\ b\\,c\\=d,/);
    assert.match(lineOf({ device_id: 'a\\' }), /device_id=a%5C,/);
    assert.match(lineOf({ value: 'say "\\"' }), /text="say \\"\\\\\\"",/);
    assert.match(lineOf({ value: 'a\nb\u0000' }), /text="a%0Ab%00",/);
    assert.match(lineOf({ device_id: '', value: '' }), /device_id=%,.* text="",/);
  });

  it('gives back exactly what was written, whatever it is: nothing becomes a tag, field or line of its own', () => {
    fc.assert(
      fc.property(fc.array(readings, { minLength: 1, maxLength: 8 }), (batch) => {
        const { lines, positions, rejected } = encodeReadings(batch);
        assert.deepEqual(rejected, []);
        assert.deepEqual(positions, [...batch.keys()]);
        const { points, errors } = parseLines(lines.join('\n'));
        assert.deepEqual(errors, []);
        assert.deepEqual(
          points.map(readingOf),
          batch.map((one) => ({ ...one })),
        );
        // Over the wire a text is UTF-8, which must not change it.
        for (const line of lines) assert.equal(Buffer.from(line).toString(), line);
      }),
      { numRuns: 2_000 },
    );
  });

  it('stores different texts as different tags', () => {
    fc.assert(
      fc.property(hostile, hostile, (a, b) => {
        assert.equal(storedTag(a) === storedTag(b), a === b);
        assert.equal(storedText(a) === storedText(b), a === b);
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses what no server can store by its position, and writes the others', () => {
    const { lines, positions, rejected } = encodeReadings([
      reading({ value: NaN }),
      reading(),
      reading({ value: -Infinity }),
      reading({ timestamp: 9_220_000_000_001 }),
      reading({ timestamp: 1.5 }),
      reading({ value: 'x'.repeat(16_001) }),
      reading({ device_id: '\u0000'.repeat(6_000) }),
      reading({ value: 'x'.repeat(16_000) }),
    ]);
    assert.equal(lines.length, 2);
    assert.deepEqual(positions, [1, 7]);
    assert.deepEqual(
      rejected.map(({ index }) => index),
      [0, 2, 3, 4, 5, 6],
    );
    assert.match(rejected[5]!.reason, /device_id may have 16000 characters at most/);
  });
});

describe('the parser of line protocol', () => {
  it('reads every type of field, escapes and a line without tags or time', () => {
    const { measurement, tags, fields, timestamp } = parseLine(
      String.raw`m\,\ 1,k\=\,=v\ \=,b=c f\ 1=1e+3,g=-2i,h=3u,i="a\\\" ,=",j=T,k=False -5`,
    );
    assert.equal(measurement, 'm, 1');
    assert.deepEqual(
      [...tags],
      [
        ['k=,', 'v ='],
        ['b', 'c'],
      ],
    );
    assert.deepEqual(
      [...fields.values()].map(({ value }) => value),
      [1000, -2n, 3n, 'a\\" ,=', true, false],
    );
    assert.equal(timestamp, -5n);
    assert.equal(parseLine('m f=1').timestamp, undefined);
  });

  it('refuses what is not line protocol', () => {
    const wrong = [
      ...['m', 'm ', 'm f', 'm f=', 'm,t f=1', 'm,t= f=1', ',t=1 f=1', 'm,=v f=1', 'm  f=1'],
      ...['m f=1,', 'm f=1 1.5', 'm f=1 1 2', 'm f=1 99999999999999999999', 'm f=NaN', 'm f=1e999'],
      ...[
        'm f="a',
        'm f="a"b',
        'm f="\\n"',
        'm,t=a\\ f=1',
        'm,t=a\\',
        'm,t=a,t=b f=1',
        'm f=1,f=2',
      ],
      ...['m,f=a f=1', '_m f=1', 'm,time=a f=1', 'm,t=\u0000 f=1', 'm f=9223372036854775808i'],
      ...['m f=-1u', 'm f=tRue', 'm f="\ud800"', 'm f=1\r'],
    ];
    for (const line of wrong) assert.throws(() => parseLine(line), Error, line);
    assert.deepEqual(
      parseLines('# a comment\n\nm f=1\nm\nm f=2').errors.map(({ line }) => line),
      [4],
    );
  });
});
