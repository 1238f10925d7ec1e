/**
 * Does something with each item, at most `most` at a time.
 * @template T, R
 * @param {readonly T[]} items @param {number} most @param {(item: T, index: number) => Promise<R>} work
 * @returns {Promise<R[]>}
 */
export async function eachOf(items, most, work) {
  /** @type {R[]} */
  const results = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index], index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(most, items.length) }, worker));
  return results;
}
