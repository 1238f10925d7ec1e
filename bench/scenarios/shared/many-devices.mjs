// Very many registered devices, without registering them.

/**
 * Makes many devices of the one that is in a hub's database, each with a key.
 * @param {string} file @param {number} devices how many there are afterwards
 * @param {(i: number) => object} [changes] what is different about the i-th of the new ones
 */
export async function multiplyDevice(file, devices, changes = () => ({})) {
  const { createSqliteRecordStore } =
    await import('../../../dist/adapters/storage/sqlite-record-store.js');
  const records = await createSqliteRecordStore({ file });
  const [device] = await records.all('device');
  const key = (await records.all('key')).find((/** @type {any} */ one) => one.device_id);
  const group = 5_000;
  for (let first = 1; first < devices; first += group) {
    const writes = [];
    for (let i = first; i < Math.min(first + group, devices); i++) {
      const deviceId = crypto.randomUUID();
      const name = `${device.name} ${i}`;
      const keyId = crypto.randomUUID();
      const hash = i.toString(16).padStart(64, '0');
      writes.push(
        records.put('device', deviceId, { ...device, device_id: deviceId, name, ...changes(i) }),
        records.put('key', keyId, { ...key, id: keyId, hash, device_id: deviceId }),
      );
    }
    await Promise.all(writes);
  }
  await records.close();
}
