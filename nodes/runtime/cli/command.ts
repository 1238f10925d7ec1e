/** One command of `npm run hub -- <words>`. */
export interface Command {
  /** Such as `['tls', 'init']`. */
  words: readonly string[];
  /** Its own arguments, for the usage message. */
  usage: string;
  summary: string;
  /**
   * @param args what follows the words
   * @returns the exit code
   * @throws Error whose message is for the person who typed it
   */
  run(args: readonly string[], print: (line: string) => void): Promise<number>;
}
