import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** State LISTEN in /proc/net/tcp. */
const listen = '0A';

/** Where a process listens, as Linux tells it: `127.0.0.1:1880`, in order. */
export function listeningOf(pid: number): string[] {
  const sockets = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
    if (inode !== undefined) sockets.add(inode);
  }
  return ['tcp', 'tcp6']
    .flatMap((file) => readFileSync(`/proc/${pid}/net/${file}`, 'utf8').trim().split('\n').slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === listen && sockets.has(inode ?? ''))
    .map(([, local = '']) => addressOf(local))
    .sort();
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // closed meanwhile
  }
}

/** `0100007F:0758` is 127.0.0.1:1880; IPv6 is told as hexadecimal. */
function addressOf(local: string): string {
  const [address = '', port = ''] = local.split(':');
  const bytes = address.match(/../g) ?? [];
  const host =
    bytes.length === 4
      ? bytes
          .reverse()
          .map((byte) => Number.parseInt(byte, 16))
          .join('.')
      : address;
  return `${host}:${Number.parseInt(port, 16)}`;
}
