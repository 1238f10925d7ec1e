import type { AuditEvent } from './audit.ts';

/** What is never folded, whatever happens: what changed something, or was meant to. */
const kept = new Set<AuditEvent['action']>(['command', 'key', 'policy', 'certificate', 'approval']);

/** Whether an event may be counted with others like it instead of being written by itself. */
export const mayFold = ({ action, outcome }: AuditEvent): boolean =>
  !kept.has(action) && (action !== 'system' || outcome !== 'ok');

/** Counts what happens again and again, so that a flood takes little room on disk. */
export interface AuditFolding {
  /** @returns what is to be written now: the event itself, or nothing if it was counted */
  take(event: AuditEvent): AuditEvent | undefined;
  /** Only counts it, without being the first of its kind on disk. */
  count(event: AuditEvent): void;
  /** What was counted since the last call, one event for each kind; counting begins anew. */
  flush(): AuditEvent[];
}

interface Tally {
  event: AuditEvent;
  since: string;
  until: string;
  count: number;
  addresses: Set<string>;
  subjects: Set<string>;
}

/** How many addresses and subjects are named where many different ones were counted together. */
const mostNamed = 10;

/**
 * The first event of a kind is to be written at once, those that are the same in action, outcome, subject, principal,
 * address, code and reason are counted. Beyond `mostKinds` kinds, whatever is new is counted by action and outcome alone.
 */
export function createAuditFolding({ mostKinds }: { mostKinds: number }): AuditFolding {
  let tallies = new Map<string, Tally>();
  let kinds = 0;

  const open = (key: string, event: AuditEvent, count: number): Tally => {
    const { at } = event;
    const tally = {
      event,
      since: at,
      until: at,
      count,
      addresses: new Set<string>(),
      subjects: new Set<string>(),
    };
    tallies.set(key, tally);
    return tally;
  };
  const again = (tally: Tally, { at }: AuditEvent): void => {
    if (tally.count === 0) tally.since = at;
    tally.count += 1;
    tally.until = at;
  };
  const together = (event: AuditEvent): void => {
    const { action, outcome, at, address, subject } = event;
    const key = `${action} ${outcome}`;
    const tally = tallies.get(key) ?? open(key, { at, action, outcome, subject: 'various' }, 0);
    again(tally, event);
    if (address !== undefined && tally.addresses.size < mostNamed) tally.addresses.add(address);
    if (tally.subjects.size < mostNamed) tally.subjects.add(subject.slice(0, 64));
  };

  return {
    take(event) {
      const key = keyOf(event);
      const known = tallies.get(key);
      if (known) again(known, event);
      else if (kinds < mostKinds) {
        kinds += 1;
        open(key, event, 0);
        return event;
      } else together(event);
      return undefined;
    },
    count(event) {
      const known = tallies.get(keyOf(event));
      if (known) again(known, event);
      else together(event);
    },
    flush() {
      const counted = [...tallies.values()].filter(({ count }) => count > 0);
      tallies = new Map();
      kinds = 0;
      return counted.map(({ event, since, until, count, addresses, subjects }) => ({
        ...event,
        at: until,
        since,
        count,
        ...(subjects.size > 0 && {
          details: {
            subjects: [...subjects],
            ...(addresses.size > 0 && { addresses: [...addresses] }),
          },
        }),
      }));
    },
  };
}

const keyOf = ({
  action,
  outcome,
  subject,
  principal,
  transport,
  address,
  code,
  reason,
}: AuditEvent): string =>
  JSON.stringify([action, outcome, subject, principal?.id, transport, address, code, reason]);
