export const hourMs = 3_600_000;
export const dayMs = 86_400_000;
export const hoursPerDay = 24;

/** Which UTC hour since the epoch an instant is in. */
export const hourOf = (timestamp: number): number => Math.floor(timestamp / hourMs);

/** Which UTC day since the epoch an hour is in. */
export const dayOf = (hour: number): number => Math.floor(hour / hoursPerDay);
