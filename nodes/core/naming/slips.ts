/** How many letters may be wrong in a word of so many for it still to be meant. */
export function slipsIn(length: number): number {
  if (length < 4) return 0;
  if (length < 8) return 1;
  return length < 12 ? 2 : 3;
}
