import assert from 'node:assert/strict';
import { createAudience } from '../../../nodes/adapters/mqtt/audience.ts';
import { telemetryMayMatch } from '../../../nodes/core/topic/topics.ts';

describe('the audience of telemetry', () => {
  it('is whoever holds a filter that may match it', () => {
    for (const filter of [
      '#',
      '+/#',
      'llm-iot/#',
      'llm-iot/devices/+/telemetry',
      'llm-iot/devices/a/telemetry',
      'llm-iot/devices/a/#',
      'llm-iot/devices/a/telemetry/#',
      '+/+/+/+',
    ])
      assert.ok(telemetryMayMatch(filter), filter);
    for (const filter of [
      '',
      'other/#',
      '$SYS/#',
      'llm-iot/devices/a/command/request',
      'llm-iot/devices/+/status',
      'llm-iot/devices',
      'llm-iot/devices/a/telemetry/x',
      'llm-iot/alerts/#',
      '+/+/+',
    ])
      assert.ok(!telemetryMayMatch(filter), filter);
  });

  it('comes and goes with listeners and kept sessions', () => {
    const audience = createAudience();
    const [one, other] = [() => undefined, () => undefined];
    assert.equal(audience.hearsTelemetry(), false);
    audience.joined('llm-iot/#', one);
    audience.joined('llm-iot/#', other);
    audience.left('llm-iot/#', one);
    assert.equal(audience.hearsTelemetry(), true);
    audience.kept('client', ['llm-iot/devices/+/telemetry', '#', 'x']);
    audience.left('llm-iot/#', other);
    audience.released('client', ['#']);
    assert.equal(audience.hearsTelemetry(), true);
    audience.released('client');
    assert.equal(audience.hearsTelemetry(), false);
  });
});
