import type { IncomingMessage, ServerResponse } from 'node:http';

/** Serves a JSON document to everybody, pages of other sites included; 405 for anything but GET and HEAD. */
export function createDocumentEndpoint(
  document: object,
): (req: IncomingMessage, res: ServerResponse) => void {
  const text = JSON.stringify(document);
  return (req, res) => {
    res.on('error', () => undefined);
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.statusCode = 405;
      res.setHeader('Allow', 'GET, HEAD');
      res.end();
      return;
    }
    res.setHeader('Content-Type', 'application/json; charset=utf-8');
    res.setHeader('Content-Length', Buffer.byteLength(text));
    res.setHeader('Cache-Control', 'max-age=300');
    res.setHeader('X-Content-Type-Options', 'nosniff');
    res.setHeader('Access-Control-Allow-Origin', '*');
    res.end(req.method === 'HEAD' ? undefined : text);
  };
}
