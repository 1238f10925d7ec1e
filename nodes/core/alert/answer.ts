import { budgetOf, fitBudget, type Truncated } from '../answer/budget.ts';
import { cutText, plural } from '../answer/wording.ts';
import type { JsonObject } from '../document.ts';
import { cursorOf } from '../paging.ts';
import { cleanText } from '../text.ts';
import { markUntrusted } from '../untrusted.ts';
import type { AlertRecord } from './types.ts';

const longestMessage = 160;
const untrusted = ['alerts[].message', 'alerts[].data'];

/**
 * A page of alarms as a model is told them: within `max_bytes`, in short unless `detail` is `full`, with a summary.
 * @param page as `Alerts.list` answers it
 */
export function alertAnswer(
  page: { alerts: AlertRecord[]; cursor?: string },
  params: JsonObject,
  understood: JsonObject,
): object {
  const { maxBytes, detail } = budgetOf(params);
  const { alerts, cursor } = page;
  const errors = alerts.filter(({ severity }) => severity === 'error').length;
  const more = cursor === undefined ? '' : ', and there are more';
  const summary =
    alerts.length === 0
      ? 'There are no alarms of this kind.'
      : `${plural(alerts.length, 'alarm')}, ${plural(errors, 'error')} and ${plural(alerts.length - errors, 'warning')}${more}; the newest first.`;
  return fitBudget({
    items: alerts.map((alert) => (detail === 'full' ? alert : inShort(alert))),
    maxBytes,
    cursorOf: (_last, index) => {
      const last = alerts[index];
      return last && cursorOf({ time: last.raised_at, id: last.alert_id });
    },
    answer: (shown, truncated: Truncated | undefined) => {
      const next = truncated?.cursor ?? cursor;
      return markUntrusted(
        {
          summary: cutText(summary, 300),
          understood,
          alerts: shown,
          ...(truncated && { truncated }),
          ...(next !== undefined && { cursor: next }),
        },
        untrusted,
      );
    },
  });
}

function inShort(alert: AlertRecord): object {
  const { alert_id, device_id, kind, severity, state, message, count, raised_at } = alert;
  return {
    ...{ alert_id, ...(device_id !== undefined && { device_id }), kind, severity, state },
    message: cleanText(message, longestMessage),
    ...{ count, raised_at },
  };
}
