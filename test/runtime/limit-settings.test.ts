import assert from 'node:assert/strict';
import { defaultLimitSettings } from '../../nodes/core/security/limit-settings.ts';
import { limitSettingsFrom } from '../../nodes/runtime/limit-settings.ts';

describe('the limits of a hub', () => {
  it('are the defaults where the form is blank, or is from before there were any', () => {
    assert.deepEqual(limitSettingsFrom({}, {}), defaultLimitSettings);
    const blank = Object.fromEntries(Object.keys(defaultLimitSettings).map((name) => [name, '']));
    assert.deepEqual(limitSettingsFrom(blank, { LLM_IOT_NEVER_BANNED: '' }), defaultLimitSettings);
  });

  it('are read from the form', () => {
    const settings = limitSettingsFrom(
      {
        callsPerPrincipal: '50',
        banAfter: 0,
        trustedProxies: '10.0.0.0/8, ::1',
        neverBanned: 'none',
        callsPerMethod: 'telemetry.query=20, device.execute=0.5',
      },
      {},
    );
    assert.deepEqual(settings, {
      ...defaultLimitSettings,
      callsPerPrincipal: 50,
      banAfter: 0,
      trustedProxies: ['10.0.0.0/8', '::1'],
      neverBanned: [],
      callsPerMethod: { 'telemetry.query': 20, 'device.execute': 0.5 },
    });
  });

  it('are the environment’s where it has them', () => {
    const { trustedProxies, allowedOrigins } = limitSettingsFrom(
      { trustedProxies: '10.0.0.1', allowedOrigins: 'https://form.example' },
      { LLM_IOT_ALLOWED_ORIGINS: 'https://one.example https://two.example' },
    );
    assert.deepEqual(trustedProxies, ['10.0.0.1']);
    assert.deepEqual(allowedOrigins, ['https://one.example', 'https://two.example']);
  });

  it('that cannot be read are named', () => {
    for (const [fields, name] of [
      [{ callsInAll: 'many' }, /callsInAll must be a number/],
      [{ banMinutes: '-1' }, /banMinutes/],
      [{ callsPerMethod: 'telemetry.query' }, /telemetry\.query must be a number/],
      [{ callsPerMethod: 'a=b' }, /callsPerMethod, a must be/],
    ] as const)
      assert.throws(() => limitSettingsFrom(fields, {}), name);
  });
});
