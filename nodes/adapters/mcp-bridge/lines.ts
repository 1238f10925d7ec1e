import type { Readable } from 'node:stream';

const longestLine = 4_194_304;

/** Hands on each line of JSON; what is none, or too long, is told and left out. Resolves at the end of the input. */
export async function readLines(
  input: Readable,
  take: (message: unknown) => void,
  log: (text: string) => void,
): Promise<void> {
  let rest = '';
  let skipping = false;
  input.setEncoding('utf8');
  for await (const chunk of input) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (skipping || line.trim() === '') {
        skipping = false;
        continue;
      }
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch {
        log('a line that is not JSON was left out');
        continue;
      }
      take(message);
    }
    if (rest.length > longestLine) {
      log(`a line longer than ${longestLine} characters was left out`);
      rest = '';
      skipping = true;
    }
  }
}
