// One line on the terminal that says how far things are; in a log, a line now and then.

const everyMs = 10_000;

/**
 * @param {NodeJS.WriteStream} [stream]
 * @returns {{ show(text: string): void, clear(): void }} `clear` makes room for other output
 */
export function createProgress(stream = process.stderr) {
  let shownAt = -Infinity;
  return stream.isTTY
    ? {
        show: (text) => void stream.write(`\r\x1b[K${text.slice(0, stream.columns - 1)}`),
        clear: () => void stream.write('\r\x1b[K'),
      }
    : {
        show(text) {
          if (performance.now() - shownAt < everyMs) return;
          shownAt = performance.now();
          stream.write(`${text}\n`);
        },
        clear: () => (shownAt = -Infinity),
      };
}
