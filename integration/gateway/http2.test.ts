import { once } from 'node:events';
import { connect, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { describe, expect, it } from 'vitest';
import { saysWho } from '../http/support.js';
import { gatewayOver } from './support.js';

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

async function ask(url: string, headers: OutgoingHttpHeaders, body?: string): Promise<Reply> {
  const session = connect(url);
  try {
    const stream = session.request(headers, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    const [replied] = (await once(stream, 'response')) as [IncomingHttpHeaders];
    let text = '';
    for await (const chunk of stream) text += chunk;
    return { status: Number(replied[constants.HTTP2_HEADER_STATUS]), headers: replied, body: text };
  } finally {
    session.close();
  }
}

describe('HTTP/2 from a client', () => {
  it('is understood on the port of HTTP/1.1, by its first bytes', async () => {
    await using a = await saysWho('a');
    await using running = await gatewayOver([a.port]);
    const reply = await ask(running.url, { ':path': '/x?y=1', ':method': 'POST' }, 'hello');
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toMatchObject({ id: 'a', method: 'POST', url: '/x?y=1', body: 'hello' });
    expect((await fetch(`${running.url}/x`)).status).toBe(200);
  });
});
