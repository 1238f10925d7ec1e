// How far the replay is: one line that moves on a terminal, a line per tenth elsewhere.
import { count } from './terminal.mjs';

const width = 24;

/**
 * @param {NodeJS.WritableStream & { isTTY?: boolean }} output
 * @param {string} label
 * @returns {{ show(part: number, hours: number, readings: number): void, done(): void }} part from 0 to 1
 */
export function createProgress(output, label) {
  let tenth = -1;
  return {
    show(part, hours, readings) {
      const percent = Math.floor(part * 100);
      const text = `${String(percent).padStart(3)} %  ${hours.toFixed(0)} h  ${count(readings)} readings acknowledged`;
      if (output.isTTY) {
        const filled = Math.round(part * width);
        output.write(
          `\r\u001b[K  ${label}  ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${text}`,
        );
        return;
      }
      if (Math.floor(percent / 10) === tenth) return;
      tenth = Math.floor(percent / 10);
      output.write(`  ${label} ${text}\n`);
    },
    done() {
      if (output.isTTY) output.write('\n');
    },
  };
}
