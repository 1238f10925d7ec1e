import type { Clock } from '../clock.ts';
import { createBoundedMap } from './bounded-map.ts';

/** How many wrong keys are borne from where; times in milliseconds. */
export interface GuessLimits {
  /** Failures are counted over this time. */
  windowMs: number;
  /** So many cost nothing: people mistype. */
  free: number;
  /** After them each doubles the time until the next try, from the first of these to the last. */
  firstDelayMs: number;
  longestDelayMs: number;
  /** So many failures, tries before their time included, are answered by a ban. */
  banAfter: number;
  banMs: number;
  /** So many tries of a banned network are answered; after that its connections are not worth taking. */
  answersWhenBanned: number;
  /** A network somebody came in from lately is banned as a whole only after so many times as many. */
  knownFactor: number;
  knownMs: number;
  /** So many failures at one identity, from anywhere, leave unknown networks one free failure at it. */
  identityFailures: number;
  /** How many networks and identities are remembered; whoever was not seen longest is forgotten first. */
  maxRemembered: number;
}

export const defaultGuessLimits: Readonly<GuessLimits> = {
  windowMs: 15 * 60_000,
  free: 10,
  firstDelayMs: 1_000,
  longestDelayMs: 60_000,
  banAfter: 30,
  banMs: 15 * 60_000,
  answersWhenBanned: 100,
  knownFactor: 10,
  knownMs: 24 * 3_600_000,
  identityFailures: 100,
  maxRemembered: 20_000,
};

/** A try to prove who one is. */
export interface Attempt {
  /** Where it comes from, as `networkOf` gives it. */
  network: string;
  /** Tells what is shown apart from other things shown: a hash of it will do. */
  shown: string;
  /** Whom it is to prove: a user name, or the kind of key. */
  identity: string;
}

/** Somebody has to wait, or is shut out for a while. */
export interface Wait {
  cause: 'slowed' | 'banned';
  ms: number;
}

/** Holds up those who try keys. The right key is only ever refused together with the whole network it comes from. */
export interface GuessGuard {
  /** To be asked before a key is looked at; whoever has to wait is refused without. */
  check(attempt: Attempt): Wait | undefined;
  /** It was wrong. @returns what that has brought about, if anything */
  failed(attempt: Attempt): Wait | undefined;
  succeeded(network: string): void;
  /** Whether a network is banned and has been told so often enough. */
  isShunned: (network: string) => boolean;
  /** How many networks are banned now. */
  banned(): number;
}

interface Tally {
  failures: number;
  since: number;
  notBefore: number;
  bannedUntil: number;
  /** Refusals since the last ban. */
  refusals: number;
}

/**
 * An unknown network is slowed and banned as a whole. In one that somebody came in from, a home or a factory behind one
 * address, first only that is refused which was wrong before, so that one device with an old key does not shut out
 * the others; whoever tries ever new keys there is met by a higher limit of the whole network.
 */
export function createGuessGuard(deps: {
  clock: Clock;
  limits?: Partial<GuessLimits>;
}): GuessGuard {
  const { clock } = deps;
  const limits = { ...defaultGuessLimits, ...deps.limits };
  const tallies = createBoundedMap<string, Tally>(limits.maxRemembered);
  const known = createBoundedMap<string, number>(limits.maxRemembered);
  const identities = createBoundedMap<string, Tally>(limits.maxRemembered);

  const isKnown = (network: string): boolean => {
    const since = known.get(network);
    return since !== undefined && clock.elapsed() - since < limits.knownMs;
  };
  const tallyIn = (map: typeof tallies, key: string): Tally => {
    const now = clock.elapsed();
    let tally = map.get(key);
    if (!tally || (now - tally.since >= limits.windowMs && tally.bannedUntil <= now))
      tally = { failures: 0, since: now, notBefore: 0, bannedUntil: 0, refusals: 0 };
    map.set(key, tally);
    return tally;
  };
  const ban = (tally: Tally, now: number): Wait => {
    tally.bannedUntil = now + limits.banMs;
    tally.failures = 0;
    tally.refusals = 0;
    tally.since = now;
    return { cause: 'banned', ms: limits.banMs };
  };
  /** @param free how many failures are without consequence, @param most how many lead to a ban */
  const fail = (key: string, free: number, most: number): Wait | undefined => {
    const now = clock.elapsed();
    const tally = tallyIn(tallies, key);
    tally.failures += 1;
    if (tally.failures >= most) return ban(tally, now);
    const beyond = tally.failures - free;
    if (beyond <= 0) return undefined;
    const ms = Math.min(limits.longestDelayMs, limits.firstDelayMs * 2 ** (beyond - 1));
    tally.notBefore = now + ms;
    return { cause: 'slowed', ms };
  };
  /** Whoever comes before the time has tried once more, but does not have to wait longer for it. */
  const waitOf = (key: string): Wait | undefined => {
    const tally = tallies.get(key);
    if (!tally) return undefined;
    const now = clock.elapsed();
    if (tally.bannedUntil > now) {
      tally.refusals += 1;
      return { cause: 'banned', ms: tally.bannedUntil - now };
    }
    if (tally.notBefore <= now) return undefined;
    tally.failures += 1;
    if (tally.failures >= limits.banAfter) return ban(tally, now);
    return { cause: 'slowed', ms: tally.notBefore - now };
  };
  const shownKey = ({ network, shown }: Attempt): string => `${network} ${shown}`;

  return {
    check(attempt) {
      if (tallies.size() === 0) return undefined;
      return (
        waitOf(attempt.network) ??
        (isKnown(attempt.network) ? waitOf(shownKey(attempt)) : undefined)
      );
    },
    failed(attempt) {
      const { network } = attempt;
      const target = tallyIn(identities, attempt.identity);
      target.failures += 1;
      if (!isKnown(network)) {
        const free = target.failures > limits.identityFailures ? 1 : limits.free;
        return fail(network, free, limits.banAfter);
      }
      const most = limits.banAfter * limits.knownFactor;
      return fail(network, most, most) ?? fail(shownKey(attempt), limits.free, limits.banAfter);
    },
    succeeded(network) {
      known.set(network, clock.elapsed());
    },
    isShunned(network) {
      const tally = tallies.get(network);
      return (
        tally !== undefined &&
        tally.refusals >= limits.answersWhenBanned &&
        tally.bannedUntil > clock.elapsed()
      );
    },
    banned() {
      const now = clock.elapsed();
      let count = 0;
      for (const { bannedUntil } of tallies.values()) if (bannedUntil > now) count += 1;
      return count;
    },
  };
}
