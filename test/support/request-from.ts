import { once } from 'node:events';
import { request, type IncomingHttpHeaders } from 'node:http';

export interface AnswerFrom {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** One HTTP request on a connection of its own, from another address of the loopback where that is told. */
export async function requestFrom(
  url: string,
  options: {
    method?: string;
    headers?: Record<string, string>;
    body?: string;
    localAddress?: string;
  } = {},
): Promise<AnswerFrom> {
  const { method = 'POST', headers = {}, body, localAddress = '127.0.0.1' } = options;
  const sent = request(url, { method, headers, localAddress, agent: false });
  const answered = once(sent, 'response');
  // An upgrade that is refused is answered like any other request.
  sent.end(body);
  const [response] = (await answered) as [import('node:http').IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString(),
  };
}
