// Compares what senders were told with what is in the database, by reading the database itself.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { decodeBatch } from '../../nodes/adapters/storage/packed-batch.ts';
import { fates, numberOf, valueOf } from './journal.mjs';

const mostExamples = 50;

/**
 * @typedef {object} Audit readings
 * @property {number} sent
 * @property {number} acknowledged by the hub
 * @property {number} refused by the hub, told so
 * @property {number} stored of those that were sent
 * @property {number} missing acknowledged, yet not stored: has to be 0
 * @property {number} unacknowledged stored, though the sender was not told: allowed
 * @property {number} wrong stored with another value or never sent: has to be 0
 * @property {{ device_id: string, reading: number }[]} examples the first of those that are missing
 */

/** @typedef {{ device_id: string, timestamp: number, value: unknown }} StoredReading */

/** The readings in the file of the embedded store. @param {{ dataDir: string, runs: () => boolean }} site */
export function* storedInFile({ dataDir, runs }) {
  // After a kill, only who may write can read what the write-ahead log holds.
  const db = new DatabaseSync(join(dataDir, 'telemetry.db'), { readOnly: runs() });
  try {
    // One moment of a file that somebody may be writing to.
    db.exec('BEGIN');
    const series = db.prepare('SELECT id, device_id FROM series WHERE measurement_type = ?');
    const deviceOf = new Map(
      series.all('temperature').map(({ id, device_id }) => [Number(id), String(device_id)]),
    );
    for (const { series: id, timestamp, value } of rowsOf(db)) {
      const device_id = deviceOf.get(id);
      if (device_id !== undefined) yield { device_id, timestamp, value };
    }
  } finally {
    db.close();
  }
}

/** What is in its place, then what waits to be moved there. @param {DatabaseSync} db */
function* rowsOf(db) {
  const moved = db.prepare('SELECT series, timestamp, number AS value FROM readings');
  for (const row of moved.iterate())
    yield /** @type {{ series: number, timestamp: number, value: unknown }} */ (row);
  for (const { readings } of db.prepare('SELECT readings FROM hot').iterate()) {
    const { series, timestamp, number } = decodeBatch(/** @type {Uint8Array} */ (readings));
    for (let i = 0; i < series.length; i++)
      yield { series: series[i], timestamp: timestamp[i], value: number[i] };
  }
}

/**
 * @param {readonly import('./journal.mjs').Journal[]} journals one or none of each device
 * @param {Iterable<StoredReading>} stored readings of other devices are not looked at
 * @returns {Audit}
 */
export function audit(journals, stored) {
  const books = new Map(
    journals.map((journal) => [
      journal.deviceId,
      { journal, found: new Uint8Array(journal.fates.length) },
    ]),
  );
  let wrong = 0;
  for (const { device_id, timestamp, value } of stored) {
    const book = books.get(device_id);
    if (!book) continue;
    const n = numberOf(book.journal, timestamp);
    const isKnown = book.found[n] !== undefined;
    if (isKnown) book.found[n] = 1;
    if (!isKnown || value !== valueOf(n)) wrong += 1;
  }
  /** @type {Audit['examples']} */
  const examples = [];
  const total = { sent: 0, acknowledged: 0, refused: 0, stored: 0, missing: 0, unacknowledged: 0 };
  for (const { journal, found } of books.values()) {
    total.sent += found.length;
    journal.fates.forEach((fate, n) => {
      if (fate === fates.acknowledged) total.acknowledged += 1;
      if (fate === fates.refused) total.refused += 1;
      if (found[n]) total.stored += 1;
      if (found[n] && fate !== fates.acknowledged) total.unacknowledged += 1;
      if (found[n] || fate !== fates.acknowledged) return;
      total.missing += 1;
      if (examples.length < mostExamples)
        examples.push({ device_id: journal.deviceId, reading: n });
    });
  }
  return { ...total, wrong, examples };
}
