// Reads the hub's metrics, which are text in the format of Prometheus.

/** @param {import('./hub.mjs').Hub} hub @returns {Promise<string>} nothing, where there are none */
export async function readMetrics({ url, adminKey }) {
  const headers = { authorization: `Bearer ${adminKey}` };
  const response = await fetch(`${url}/metrics`, { headers });
  const text = await response.text();
  return response.ok && !text.startsWith('<') ? text : '';
}

/**
 * The 99th percentile of the delay of the hub's event loop.
 * @param {string} metrics @returns {number} milliseconds, NaN where the hub does not tell
 */
export function eventLoopDelay(metrics) {
  const line = /^llm_iot_event_loop_delay_seconds\{[^}]*quantile="0\.99"[^}]*\}\s+(\S+)/m;
  return Number(line.exec(metrics)?.[1] ?? NaN) * 1000;
}
