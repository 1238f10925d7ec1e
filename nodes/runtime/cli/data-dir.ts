import { resolve } from 'node:path';

/** The hub's data directory as `npm start` finds it, unless one is given. */
export function dataDirOf(given: string | undefined): string {
  return resolve(given ?? (process.env['LLM_IOT_DATA_DIR'] || 'hub-data'));
}
