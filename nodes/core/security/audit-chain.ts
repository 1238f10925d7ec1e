/** SHA-256 of a text in UTF-8, hex in lower case. */
export type Sha256 = (text: string) => string;

/** The end of a chain, or where it begins: how many rows there have ever been, and the hash of the last of them. */
export interface ChainHead {
  seq: number;
  hash: string;
}

/** One event as it rests. */
export interface ChainRow extends ChainHead {
  /** Canonical JSON. */
  event: string;
}

/** Before the first row. */
export const chainStart: ChainHead = { seq: 0, hash: '0'.repeat(64) };

/** The next row: its hash is that of the hash before it, its number and its event, a line each. */
export function nextRow(head: ChainHead, event: string, sha256: Sha256): ChainRow {
  const seq = head.seq + 1;
  return { seq, event, hash: sha256(`${head.hash}\n${seq}\n${event}`) };
}

/** Where a chain breaks, and how, for people. */
export interface ChainBreak {
  seq: number;
  problem: string;
}

/** What is known of a chain when its rows have been gone through. */
export interface ChainReport {
  /** How many rows were looked at. */
  rows: number;
  head: ChainHead;
  broken?: ChainBreak;
}

/**
 * Goes through the rows behind an anchor, in their order, up to the first that breaks the chain.
 * @param expected a head that was written down elsewhere: only by it rows that are missing at the end are noticed
 */
export function checkChain(
  anchor: ChainHead,
  rows: Iterable<ChainRow>,
  sha256: Sha256,
  expected?: ChainHead,
): ChainReport {
  let head = anchor;
  let count = 0;
  const broken = (seq: number, problem: string): ChainReport => ({
    rows: count,
    head,
    broken: { seq, problem },
  });
  const differs = ({ seq, hash }: ChainHead): boolean =>
    seq === expected?.seq && hash !== expected.hash;
  const other =
    'has another hash than the one that was written down: the log was rewritten up to here';

  if (expected && expected.seq < anchor.seq)
    return broken(
      expected.seq,
      `row ${expected.seq} was removed by retention; the log begins behind row ${anchor.seq}`,
    );
  if (differs(anchor)) return broken(anchor.seq, `row ${anchor.seq} ${other}`);
  for (const row of rows) {
    const due = head.seq + 1;
    if (row.seq > due) {
      const missing = row.seq === due + 1 ? `row ${due} is` : `rows ${due} to ${row.seq - 1} are`;
      return broken(due, `${missing} missing`);
    }
    if (row.seq < due)
      return broken(row.seq, `row ${row.seq} was inserted: the log begins at row ${due}`);
    const made = nextRow(head, row.event, sha256);
    if (made.hash !== row.hash)
      return broken(
        row.seq,
        `row ${row.seq} is not what was written: it was changed, or put there later`,
      );
    head = { seq: row.seq, hash: row.hash };
    count += 1;
    if (differs(head)) return broken(row.seq, `row ${row.seq} ${other}`);
  }
  if (expected && head.seq < expected.seq)
    return broken(
      head.seq + 1,
      `the log ends at row ${head.seq}; rows up to ${expected.seq} were cut off`,
    );
  return { rows: count, head };
}

/** Reads `<count>:<hash>`, as `audit verify` prints it. @throws Error for people */
export function readHead(text: string): ChainHead {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text.trim()) ?? [];
  if (seq === undefined || hash === undefined)
    throw new Error('what is expected is <count>:<hash>, as audit verify printed it');
  return { seq: Number(seq), hash };
}
