// What strict parsing costs on top of JSON.parse.
import { count, median } from '../figures.mjs';
import { telemetryOf } from '../devices/telemetry-message.mjs';
import { registration } from '../rpc-client.mjs';

export const about =
  'Strict parsing (duplicate keys, depth, numbers, UTF-8) of bytes as they come from a socket, against ' +
  '`JSON.parse` of the same bytes as text; the two take turns, the figures are medians of the turns.';

/** @param {import('../main.mjs').ScenarioOptions} options */
export async function run({ quick }) {
  const { parseStrictJson } = await import('../../dist/core/rpc/json.js');
  const turns = quick ? 3 : 21;
  const turnMs = quick ? 20 : 100;
  const results = [];
  for (const [name, document] of documents()) {
    const bytes = Buffer.from(JSON.stringify(document));
    const plain = () => JSON.parse(bytes.toString());
    const strict = () => parseStrictJson(bytes);
    const taken = { plain: /** @type {number[]} */ ([]), strict: /** @type {number[]} */ ([]) };
    for (const warmUp of [plain, strict]) perCall(warmUp, turnMs);
    for (let turn = 0; turn < turns; turn++) {
      taken.plain.push(perCall(plain, turnMs));
      taken.strict.push(perCall(strict, turnMs));
    }
    const [plainUs, strictUs] = [median(taken.plain), median(taken.strict)];
    results.push({
      measure: `${name}, ${count(bytes.length)} bytes`,
      value:
        `strict ${micro(strictUs)} (${count(1e6 / strictUs)} a second), ` +
        `JSON.parse ${micro(plainUs)}: ${(strictUs / plainUs).toFixed(1)} times`,
      figures: { strictUs, plainUs, ratio: strictUs / plainUs },
    });
  }
  return { name: 'Strict JSON', results };
}

/** @param {number} us */
const micro = (us) => `${us.toFixed(us < 100 ? 2 : 0)} µs`;

/** @param {() => unknown} work @param {number} forMs @returns {number} microseconds of one */
function perCall(work, forMs) {
  const begin = performance.now();
  let calls = 0;
  let now = begin;
  while (now - begin < forMs) {
    for (let i = 0; i < 16; i++) work();
    calls += 16;
    now = performance.now();
  }
  return ((now - begin) * 1000) / calls;
}

/** @returns {[string, unknown][]} */
function documents() {
  const reading = {
    measurement_type: 'temperature',
    value: 20.5,
    unit: 'celsius',
    quality: 'good',
  };
  const timestamp = '2026-01-15T09:00:00.000Z';
  return [
    ['one reading', telemetryOf(crypto.randomUUID(), [reading], timestamp)],
    ['a registration', { jsonrpc: '2.0', id: 1, method: 'device.register', params: registration }],
    ['1,000 readings', Array.from({ length: 1_000 }, () => ({ ...reading, timestamp }))],
  ];
}
