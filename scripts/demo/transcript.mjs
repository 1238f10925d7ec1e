// The conversation with the hub as a person can follow it.
import { showJson } from './show-json.mjs';
import { paintFor } from './terminal.mjs';

/**
 * @typedef {object} Transcript
 * @property {(title: string, text?: string) => void} heading what comes next, and why
 * @property {(message: any, transport: 'http' | 'ws' | 'mcp') => void} sent
 * @property {(message: any, limits?: { depth?: number, items?: number }) => void} received
 * @property {(text: string) => void} note
 * @property {(text: string) => void} failed
 */

/** @param {NodeJS.WritableStream & { isTTY?: boolean, columns?: number }} output @returns {Transcript} */
export function createTranscript(output) {
  const paint = paintFor(output);
  const width = Math.min(output.columns ?? 100, 120);
  /** @param {string} text */
  const line = (text) => output.write(`${text}\n`);

  return {
    heading(title, text) {
      line('');
      line(paint.bold(title));
      if (text) line(paint.dim(text));
    },
    sent({ id, method, params }, transport) {
      const head = `→ #${id} ${transport} ${method}`;
      const body =
        params === undefined ? '' : ` ${showJson(params, { width: width - head.length }, '  ')}`;
      line(`${paint.cyan(`→ #${id}`)} ${paint.dim(transport)} ${paint.bold(method)}${body}`);
    },
    received(message, limits) {
      const { id, method, params, result, error } = message;
      const head = method ?? `#${id}`;
      const body = showJson(
        error ?? result ?? params,
        { width: width - head.length - 3, ...limits },
        '  ',
      );
      if (error) line(`${paint.red(`← ${head} error`)} ${body}`);
      else line(`${paint.green(`← ${head}`)} ${body}`);
    },
    note: (text) => line(`  ${text}`),
    failed: (text) => line(`  ${paint.red('✗')} ${text}`),
  };
}
