import type { IncomingMessage, ServerResponse } from 'node:http';
import type { MetricFamily } from '../../core/metrics.ts';
import type { Authenticate } from '../../core/security/authentication.ts';
import type { Principal } from '../../core/security/types.ts';
import { prometheusText, prometheusType } from '../metrics/prometheus.ts';
import { bearerChallenge } from './challenge.ts';
import { retryAfterOf } from '../../core/security/refusals.ts';
import type { AddressOf } from './client-address.ts';
import { callerOf, credentialsOf, type CertificateOf } from './credentials.ts';
import { retryAfter } from './retry-after.ts';

/**
 * `GET /metrics` for Prometheus: 200 with its text format, 401 without a valid key, 403 for a principal that may not
 * see the hub's figures, 405 for another method, 429 with `Retry-After` for a caller that has to wait.
 */
export function createMetricsEndpoint(deps: {
  families: () => Promise<MetricFamily[]>;
  authenticate: Authenticate;
  /** Where clients learn who gives out access tokens. */
  metadataUrl?: string | undefined;
  maySee: (principal: Principal) => boolean;
  /** The peer's, unless told. */
  addressOf?: AddressOf;
  certificateOf?: CertificateOf | undefined;
}): (req: IncomingMessage, res: ServerResponse) => void {
  const { families, authenticate, metadataUrl, maySee } = deps;

  const refusal = async (
    req: IncomingMessage,
  ): Promise<{ status: number; header?: [string, string] } | undefined> => {
    if (req.method !== 'GET' && req.method !== 'HEAD')
      return { status: 405, header: ['Allow', 'GET, HEAD'] };
    const credentials = credentialsOf(req, deps.certificateOf);
    const principal = await authenticate(credentials, callerOf(req, 'http', deps.addressOf));
    if (principal && maySee(principal)) return undefined;
    const shown = credentials.secret === undefined ? undefined : 'invalid_token';
    const error = principal ? 'insufficient_scope' : shown;
    return {
      status: principal ? 403 : 401,
      header: ['WWW-Authenticate', bearerChallenge(error, metadataUrl)],
    };
  };

  const answer = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const refused = await refusal(req);
    if (refused) {
      res.statusCode = refused.status;
      if (refused.header) res.setHeader(...refused.header);
      res.end();
      return;
    }
    const text = await prometheusText(await families());
    res.setHeader('Content-Type', prometheusType);
    res.end(req.method === 'HEAD' ? undefined : text);
  };

  return (req, res) => {
    res.on('error', () => undefined);
    res.setHeader('Cache-Control', 'no-store');
    answer(req, res).catch((error: unknown) => {
      const wait = retryAfterOf(error);
      if (wait !== undefined) res.setHeader('Retry-After', retryAfter(wait));
      res.statusCode = wait === undefined ? 500 : 429;
      res.end();
    });
  };
}
