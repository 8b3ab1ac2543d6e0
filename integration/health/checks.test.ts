import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { httpCheck, tcpCheck } from 'fairlead';
import { afterEach, describe, expect, it } from 'vitest';

const running: Server[] = [];

afterEach(async () => {
  for (const server of running.splice(0)) {
    server.close();
    if ('closeAllConnections' in server) (server.closeAllConnections as () => void)();
  }
});

async function listen(server: Server): Promise<{ host: string; port: number }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  running.push(server);
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

const http = (listener: RequestListener) => listen(createServer(listener));
const never = new AbortController().signal;

describe('httpCheck', () => {
  it('sends path, method and headers, and passes on the expected status', async () => {
    const seen: unknown[] = [];
    const target = await http((request, response) => {
      seen.push([request.method, request.url, request.headers['x-check'], request.headers.connection]);
      response.writeHead(204).end();
    });
    await httpCheck({ path: '/health?deep=1', method: 'HEAD', headers: { 'x-check': 'yes' } }).ask(target, never);
    expect(seen).toEqual([['HEAD', '/health?deep=1', 'yes', 'close']]);
  });

  it.each([
    [200, undefined, true],
    [299, undefined, true],
    [302, undefined, false],
    [503, undefined, false],
    [302, [[300, 399]] as const, true],
    [401, [200, 401] as const, true],
    [200, [401] as const, false],
  ])('with status %d, expecting %j, passes: %s', async (status, expected, passes) => {
    const target = await http((_request, response) => response.writeHead(status).end('body'));
    const asking = httpCheck(expected === undefined ? {} : { expect: expected }).ask(target, never);
    await (passes ? asking : expect(asking).rejects.toThrow(`GET / answered with status ${status}`));
  });

  it('does not read an endless body', async () => {
    let closed = false;
    const target = await http((_request, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write('x'.repeat(1_000)), 1);
      response.on('close', () => {
        closed = true;
        clearInterval(timer);
      });
    });
    await httpCheck().ask(target, never);
    await expect.poll(() => closed).toBe(true);
  });

  it('gives up when told to', async () => {
    const target = await http(() => {});
    const abort = new AbortController();
    const asking = httpCheck().ask(target, abort.signal);
    abort.abort(new Error('too late'));
    await expect(asking).rejects.toThrow();
  });

  it('fails where nobody listens', async () => {
    const target = await http(() => {});
    running.pop()!.close();
    await expect(httpCheck().ask(target, never)).rejects.toThrow(/ECONNREFUSED/);
  });

  it.each([
    [{ path: 'health' }, /httpCheck\.path is "health": allowed is a path/],
    [{ path: '/a\r\nX: y' }, /httpCheck\.path/],
    [{ headers: { 'bad name': 'x' } }, /httpCheck\.headers/],
    [{ headers: { x: 'a\r\nb' } }, /httpCheck\.headers/],
    [{ expect: [] }, /httpCheck\.expect/],
    [{ expect: [[299, 200]] }, /httpCheck\.expect/],
    [{ intervalMs: 0 }, /httpCheck\.intervalMs is 0/],
    [{ pth: '/' }, /httpCheck\.pth is not an option/],
  ])('refuses %j', (options, message) => {
    expect(() => httpCheck(options as never)).toThrow(message);
  });
});

describe('tcpCheck', () => {
  it('passes where a connection comes to be, and closes it', async () => {
    let closed = false;
    const target = await listen(createTcpServer((socket) => socket.on('close', () => (closed = true)).resume()));
    await tcpCheck().ask(target, never);
    await expect.poll(() => closed).toBe(true);
  });

  it('fails where nobody listens', async () => {
    const target = await listen(createTcpServer());
    running.pop()!.close();
    await expect(tcpCheck().ask(target, never)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('asks the port it is told', async () => {
    const { port } = await listen(createTcpServer((socket) => socket.resume()));
    await tcpCheck({ port }).ask({ host: '127.0.0.1', port: 1 }, never);
  });
});
