import assert from 'node:assert/strict';
import fc from 'fast-check';
import {
  branchFilter,
  formatTopic,
  isTopicId,
  parseTopic,
} from '../../../nodes/core/topic/topics.ts';
import type { Topic } from '../../../nodes/core/topic/types.ts';

const id = '550e8400-e29b-41d4-a716-446655440000';
const tree: [string, Topic][] = [
  [`llm-iot/devices/${id}/telemetry`, { branch: 'telemetry', deviceId: id }],
  [`llm-iot/devices/${id}/status`, { branch: 'status', deviceId: id }],
  [`llm-iot/devices/${id}/command/request`, { branch: 'command-request', deviceId: id }],
  [`llm-iot/devices/${id}/command/response`, { branch: 'command-response', deviceId: id }],
  ['llm-iot/discovery/announce', { branch: 'announce' }],
  ['llm-iot/discovery/query', { branch: 'query' }],
  ['llm-iot/discovery/response/esp32-7', { branch: 'discovery-response', clientId: 'esp32-7' }],
  ['llm-iot/alerts/error', { branch: 'alert-error' }],
  ['llm-iot/alerts/warning', { branch: 'alert-warning' }],
];

describe('topics', () => {
  for (const [text, topic] of tree) {
    it(`reads and writes ${text}`, () => {
      assert.deepEqual(parseTopic(text), topic);
      assert.equal(formatTopic(topic), text);
    });
  }

  it('knows no topic outside the tree', () => {
    for (const topic of [
      '',
      'llm-iot',
      'llm-iot/',
      'llm-iot/devices',
      `llm-iot/devices/${id}`,
      `llm-iot/devices/${id}/`,
      `llm-iot/devices/${id}/command`,
      `llm-iot/devices/${id}/command/request/more`,
      `llm-iot/devices/${id}/telemetry/`,
      `llm-iot/devices/${id}/toString`,
      'llm-iot/discovery/announce/x',
      'llm-iot/discovery/response',
      'llm-iot/alerts/info',
      'llm-iot/alerts/toString',
      'LLM-IOT/discovery/announce',
      '/llm-iot/discovery/announce',
      '$SYS/broker',
      `${'a/'.repeat(500)}a`,
    ]) {
      assert.equal(parseTopic(topic), undefined, topic);
    }
  });

  it('takes no id that is empty, too long, or holds a wildcard, a control character or broken UTF-8', () => {
    for (const bad of [
      '',
      '+',
      '#',
      'a+',
      'a\u0000',
      'a\n',
      '\u007f',
      '\u0085',
      '\ufffd',
      'x'.repeat(129),
    ]) {
      assert.equal(isTopicId(bad), false);
      assert.equal(parseTopic(`llm-iot/devices/${bad}/telemetry`), undefined);
      assert.throws(() => formatTopic({ branch: 'telemetry', deviceId: bad }), RangeError);
    }
    assert.equal(isTopicId('x'.repeat(128)), true);
    assert.throws(() => formatTopic({ branch: 'discovery-response', clientId: 'a/b' }), RangeError);
  });

  it('writes an id with replacement patterns as it is', () => {
    assert.equal(formatTopic({ branch: 'status', deviceId: '$&' }), 'llm-iot/devices/$&/status');
  });

  it('reads back every topic it writes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 140 }), (deviceId) => {
        const topic: Topic = { branch: 'status', deviceId };
        if (isTopicId(deviceId)) assert.deepEqual(parseTopic(formatTopic(topic)), topic);
        else assert.equal(parseTopic(`llm-iot/devices/${deviceId}/status`), undefined);
      }),
    );
  });

  it('gives the filter of a branch and of the whole tree', () => {
    assert.equal(branchFilter('telemetry'), 'llm-iot/devices/+/telemetry');
    assert.equal(branchFilter('command-response'), 'llm-iot/devices/+/command/response');
    assert.equal(branchFilter('announce'), 'llm-iot/discovery/announce');
    assert.equal(branchFilter('any'), 'llm-iot/#');
  });
});
