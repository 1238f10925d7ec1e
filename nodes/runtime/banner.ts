import type { NodeAPI } from 'node-red';
import type { Hub } from './hub.ts';
import type { HubSettings } from './settings.ts';

/** Where a person reaches this Node-RED. */
export function baseUrl(settings: { uiHost?: string; uiPort?: number; https?: unknown }): string {
  const host = !settings.uiHost || settings.uiHost === '0.0.0.0' ? 'localhost' : settings.uiHost;
  return `${settings.https ? 'https' : 'http'}://${host}:${settings.uiPort ?? 1880}`;
}

/** One block with all that a newcomer needs; keys that were just made are in it, and nowhere else ever again. */
export function announceHub(RED: NodeAPI, hub: Hub, settings: HubSettings): void {
  if (hub.announced) return;
  hub.announced = true;
  const base = baseUrl(RED.settings);
  const admin = RED.settings.httpAdminRoot || '';
  const { admin: adminKey, registration } = hub.newKeys;
  const shownKey = adminKey ?? '$LLM_IOT_ADMIN_KEY';
  const lines = [
    'LLM-IoT hub is ready',
    `  Editor     ${base}${admin.replace(/\/$/, '')}/`,
    `  JSON-RPC   ${base}${settings.rpcPath}`,
    `  WebSocket  ${base.replace(/^http/, 'ws')}${settings.wsPath}`,
    ...(!settings.mcpPath ? [] : [`  MCP        ${base}${settings.mcpPath}`]),
    `  Metrics    ${base}${settings.metricsPath}`,
    ...(hub.mqtt.urls ?? [hub.mqtt.url]).map((url) => `  MQTT       ${url}`),
    `  Data       ${settings.dataDir}`,
    ...(adminKey ? [`  Admin key         ${adminKey}`] : []),
    ...(registration ? [`  Registration key  ${registration}`] : []),
    ...(adminKey || registration
      ? ['  (keys are shown this once; only hashes of them are kept)']
      : []),
    '  Try it:',
    `  curl -s ${base}${settings.rpcPath} -H "Authorization: Bearer ${shownKey}" -H 'Content-Type: application/json' ` +
      `-d '{"jsonrpc":"2.0","id":1,"method":"hub.info"}'`,
  ];
  const rule = '─'.repeat(72);
  RED.log.info(`\n${rule}\n${lines.join('\n')}\n${rule}`);
}
