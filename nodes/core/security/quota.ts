/** So many points for each key in a time, that begins with the first of them. */
export interface QuotaTerms {
  points: number;
  seconds: number;
  /** Keys that are remembered at once; the one whose time began first is forgotten first. Default 100,000. */
  maxKeys?: number;
}

/** Port: how often something may happen. */
export interface Quota {
  /** Takes points of a key. Resolves with 0, or with the milliseconds until there are points again. */
  take(key: string, points?: number): Promise<number>;
}

export type OpenQuota = (terms: QuotaTerms) => Quota;
