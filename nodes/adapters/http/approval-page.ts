import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ShownApproval } from '../../core/command/approval-queries.ts';
import type { ApprovalRecord } from '../../core/command/approval-types.ts';
import type { Approvals } from '../../core/command/approvals.ts';
import type { Log } from '../../core/log.ts';
import { RpcError } from '../../core/rpc/errors.ts';
import { readBody } from './read-body.ts';

const largestBody = 2_048;
const bodyTimeoutMs = 5_000;
const tokenForm = /^[\w-]{20,100}$/;

const style =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}' +
  'dt{font-weight:600;margin-top:.75rem}dd{margin:0}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f3f3f3;padding:.5rem}' +
  'button{font-size:1rem;padding:.6rem 1.4rem;margin:1rem 1rem 0 0}';
const styleHash = createHash('sha256').update(style).digest('base64');

const headers: Record<string, string> = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
  'Cross-Origin-Opener-Policy': 'same-origin',
};

const escapes: Record<string, string> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (one) => escapes[one] ?? '');

/**
 * The page behind the link of an approval: what, who, why, and two buttons. Looking at it decides nothing; a token is good
 * for one decision, as long as its approval is pending.
 * @param path what links begin with, such as `/approve/`
 */
export function createApprovalPage(deps: {
  approvals: Pick<Approvals, 'byLink' | 'grant' | 'deny'>;
  show: (record: ApprovalRecord) => ShownApproval;
  path: string;
  log: Log;
}): (req: IncomingMessage, res: ServerResponse) => void {
  const { approvals, show, path, log } = deps;

  const answer = (res: ServerResponse, status: number, title: string, body: string): void => {
    const text = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"><title>${title}</title><style>${style}</style></head><body><h1>${title}</h1>${body}</body></html>`;
    res.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(text) });
    res.end(res.req.method === 'HEAD' ? undefined : text);
  };
  const gone = (res: ServerResponse): void =>
    answer(
      res,
      404,
      'Nothing to decide',
      '<p>This link was used, has expired, or never was one.</p>',
    );

  const decide = async (
    req: IncomingMessage,
    res: ServerResponse,
    record: ApprovalRecord,
  ): Promise<void> => {
    // A page elsewhere that makes a browser post here knows no token; this is a second lock.
    const site = req.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none') {
      answer(res, 403, 'Not from here', '<p>This form can only be sent from its own page.</p>');
      return;
    }
    const read = await readBody(req, { maxBytes: largestBody, timeoutMs: bodyTimeoutMs });
    if ('failed' in read) {
      res.setHeader('Connection', 'close');
      if (read.failed !== 'aborted')
        answer(res, 400, 'Not understood', '<p>Nothing was decided.</p>');
      return;
    }
    const decision = new URLSearchParams(read.body.toString('utf8')).get('decision');
    if (decision !== 'grant' && decision !== 'deny') {
      answer(res, 400, 'Not understood', '<p>Nothing was decided.</p>');
      return;
    }
    const by = { principal: undefined, via: 'link' as const, agent: 'link' };
    await approvals[decision](record.approval_id, { by });
    if (decision === 'deny') answer(res, 200, 'Denied', '<p>It will not be carried out.</p>');
    else answer(res, 200, 'Approved', '<p>It goes once, when it is asked for again.</p>');
  };

  return (req, res) => {
    res.on('error', () => undefined);
    const { pathname } = new URL(req.url ?? '/', 'http://hub');
    const token = pathname.slice(path.length);
    const { method = 'GET' } = req;
    if (!['GET', 'HEAD', 'POST'].includes(method)) {
      res.setHeader('Allow', 'GET, HEAD, POST');
      answer(res, 405, 'Not understood', '<p>Nothing was decided.</p>');
      return;
    }
    const record = tokenForm.test(token) ? approvals.byLink(token) : undefined;
    if (!record) {
      gone(res);
      return;
    }
    if (method !== 'POST') {
      answer(res, 200, 'May this be done?', bodyOf(show(record)));
      return;
    }
    decide(req, res, record).catch((error: unknown) => {
      // Somebody else was faster, or it could not be stored.
      if (!(error instanceof RpcError)) log.error(`approval: ${String(error)}`);
      if (res.headersSent) res.destroy();
      else gone(res);
    });
  };
}

function bodyOf({
  steps,
  reason,
  asked_by = '',
  asked_by_name,
  agents,
  kind,
  expires_at,
}: ShownApproval): string {
  const entry = (name: string, text: string): string => `<dt>${name}</dt><dd>${escaped(text)}</dd>`;
  const commands = steps.map(
    ({ device_id, name = '', command, arguments: args }) =>
      `<dt>Command</dt><dd>${escaped(command)} at ${escaped(name)} (${escaped(device_id)})<pre>${escaped(JSON.stringify(args, null, 2))}</pre></dd>`,
  );
  return [
    '<dl>',
    ...commands,
    entry('Asked for by', asked_by_name ? `${asked_by_name} (${asked_by})` : asked_by),
    ...(agents?.length ? [entry('With the program, as it says itself', agents.join(', '))] : []),
    entry('Why, in its own words', reason ?? 'no reason was given'),
    entry('It is', kind),
    entry('Good until', expires_at),
    '</dl><form method="post">',
    '<button name="decision" value="grant">Approve</button>',
    '<button name="decision" value="deny">Deny</button></form>',
  ].join('');
}
