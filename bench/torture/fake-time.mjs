// Loaded into a hub by NODE_OPTIONS=--import: shifts its clock by the milliseconds in the file that
// TORTURE_CLOCK_FILE names, whenever they change. Timers go on as they are, as they do when a clock is set.
import { readFileSync } from 'node:fs';

const file = process.env.TORTURE_CLOCK_FILE ?? '';
const RealDate = Date;
let shift = 0;

const read = () => {
  try {
    shift = Number(readFileSync(file, 'utf8')) || 0;
  } catch {
    shift = 0;
  }
};
read();
setInterval(read, 50).unref();

class ShiftedDate extends RealDate {
  /** @param {any[]} args */
  constructor(...args) {
    // @ts-expect-error whatever Date takes
    if (args.length > 0) super(...args);
    else super(RealDate.now() + shift);
  }
  /** @override */
  static now() {
    return RealDate.now() + shift;
  }
}
globalThis.Date = /** @type {DateConstructor} */ (/** @type {unknown} */ (ShiftedDate));
