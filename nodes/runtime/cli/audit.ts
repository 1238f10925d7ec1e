import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { exportAuditLog, verifyAuditLog } from '../../adapters/storage/audit/read-audit-log.ts';
import { readHead } from '../../core/security/audit-chain.ts';
import { auditTime } from '../../core/security/audit-query.ts';
import type { Command } from './command.ts';
import { dataDirOf } from './data-dir.ts';

const fileOf = (dataDir: string | undefined): string => join(dataDirOf(dataDir), 'audit.db');

const verify: Command = {
  words: ['audit', 'verify'],
  usage: '[--expect COUNT:HASH] [--data-dir DIR]',
  summary: 'whether the audit log is as it was written',
  run(args, print) {
    const { values } = parseArgs({
      args: [...args],
      options: { expect: { type: 'string' }, 'data-dir': { type: 'string' } },
    });
    const expected = values.expect === undefined ? undefined : readHead(values.expect);
    const { anchor, rows, head, broken } = verifyAuditLog(fileOf(values['data-dir']), expected);
    if (broken) {
      print(`BROKEN at row ${broken.seq}: ${broken.problem}`);
      print(`${rows} rows before it are as they were written`);
      return Promise.resolve(1);
    }
    const from = anchor.seq > 0 ? `, behind row ${anchor.seq} where retention ended` : '';
    print(`whole: ${rows} rows${from}`);
    print(`head ${head.seq}:${head.hash}`);
    print(
      'Keep the head elsewhere: audit verify --expect COUNT:HASH finds what is cut off its end.',
    );
    return Promise.resolve(0);
  },
};

const exportCommand: Command = {
  words: ['audit', 'export'],
  usage: '[--since TIME] [--until TIME] [--out FILE]',
  summary: 'the audit log as lines of JSON [--data-dir DIR]',
  run(args, print) {
    const { values } = parseArgs({
      args: [...args],
      options: {
        since: { type: 'string' },
        until: { type: 'string' },
        out: { type: 'string' },
        'data-dir': { type: 'string' },
      },
    });
    const span = { since: auditTime(values, 'since'), until: auditTime(values, 'until') };
    const file = fileOf(values['data-dir']);
    if (values.out === undefined) exportAuditLog(file, span, print);
    else {
      const out = openSync(values.out, 'wx', 0o600);
      try {
        const count = exportAuditLog(file, span, (line) => writeSync(out, `${line}\n`));
        print(`${count} events in ${values.out}`);
      } finally {
        closeSync(out);
      }
    }
    return Promise.resolve(0);
  },
};

/** `audit verify` and `audit export`. */
export const auditCommands: readonly Command[] = [verify, exportCommand];
