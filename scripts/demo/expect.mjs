/**
 * @param {string} condition what was expected, as a sentence
 * @param {boolean} holds
 */
export function expect(condition, holds) {
  if (!holds) throw new Error(`expected: ${condition}`);
}
