import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { createGateway } from 'fairlead/gateway';
import { describe, expect, it } from 'vitest';
import { Backend, inflight, meshOf, rawServer, refusingPort, saysWho } from '../http/support.js';
import { gatewayOver, RawClient } from './support.js';

describe('a gateway', () => {
  it('forwards requests and their bodies over the endpoints of a service', async () => {
    await using a = await saysWho('a');
    await using b = await saysWho('b');
    await using running = await gatewayOver([a.port, b.port], {}, { policy: 'round_robin' });
    const seen = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const response = await fetch(`${running.url}/v1/users?page=${i}`, { method: 'POST', body: `hello ${i}` });
      expect(response.status).toBe(200);
      const body = (await response.json()) as { id: string };
      expect(body).toMatchObject({ method: 'POST', url: `/v1/users?page=${i}`, body: `hello ${i}` });
      expect(body).toMatchObject({ host: `127.0.0.1:${running.port}` });
      seen.add(body.id);
    }
    expect(seen).toEqual(new Set(['a', 'b']));
    expect(inflight(running.mesh)).toBe(0);
  });

  it('streams a response as it comes, and its upload', async () => {
    const server = createServer((request, response) => {
      response.write('one ');
      request.once('data', (chunk: Buffer) => void response.write(`got ${chunk} `));
      request.once('end', () => void response.end('end'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await using running = await gatewayOver([(server.address() as AddressInfo).port]);
    using client = await RawClient.to(running.port);
    client.send('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
    await client.until((text) => text.includes('one '));
    client.send('5\r\nhello\r\n');
    await client.until((text) => text.includes('got hello '));
    expect(client.received).not.toContain('end');
    client.send('0\r\n\r\n');
    expect((await client.response()).body).toMatch(/end\r\n0\r\n\r\n$/);
    server.closeAllConnections();
    server.close();
  });

  it('answers 502 for an endpoint that refuses, 503 where there is none, 504 for one that is silent', async () => {
    const silent = await rawServer(() => {});
    await using refused = await gatewayOver([await refusingPort()]);
    await using none = await gatewayOver([], {}, { waitForReadyMs: 20 });
    await using slow = await gatewayOver([silent.port], { upstreams: { users: { headersTimeout: 100 } } });
    const { status, headers, ...rest } = await fetch(refused.url);
    expect([status, headers.get('content-type')]).toEqual([502, 'text/plain; charset=utf-8']);
    expect(JSON.stringify(rest)).not.toMatch(/127\.0\.0\.1/);
    expect((await fetch(none.url)).status).toBe(503);
    const late = await fetch(slow.url);
    expect([late.status, await late.text()]).toEqual([504, '504 Gateway Timeout\n']);
    silent.close();
  });

  it('answers 404 where no route matches and 405 where only the method differs', async () => {
    await using a = await saysWho('a');
    const routes = [{ match: { path: '/users/*', method: ['GET', 'PUT'] }, service: 'users' }];
    await using running = await gatewayOver([a.port], { routes, problemDetails: true });
    expect((await fetch(`${running.url}/users/1`)).status).toBe(200);
    const missing = await fetch(`${running.url}/other`);
    expect(missing.status).toBe(404);
    expect(await missing.json()).toEqual({ type: 'about:blank', title: 'Not Found', status: 404 });
    expect(missing.headers.get('content-type')).toBe('application/problem+json');
    const wrong = await fetch(`${running.url}/users/1`, { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, PUT']);
  });

  it('takes other routes as a whole or not at all', async () => {
    await using a = await saysWho('a');
    await using running = await gatewayOver([a.port]);
    const wrong = [{ service: 'users' }, { service: '' }];
    expect(() => running.gateway.setRoutes(wrong)).toThrow(/setRoutes\[1\]\.service/);
    expect((await fetch(`${running.url}/x`)).status).toBe(200);
    running.gateway.setRoutes([{ match: { path: '/y' }, service: 'users' }]);
    expect((await fetch(`${running.url}/x`)).status).toBe(404);
    expect((await fetch(`${running.url}/y`)).status).toBe(200);
  });
});

describe('a gateway that closes', () => {
  it('finishes what is in progress, says Connection: close, and frees its port', async () => {
    let finish: (() => void) | undefined;
    await using slow = await new Backend('slow', (_, response) => {
      finish = () => void response.end('done');
    }).listen();
    const running = await gatewayOver([slow.port]);
    using client = await RawClient.to(running.port);
    client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    while (finish === undefined) await pause(5);
    let closed = false;
    const closing = running.gateway.close({ deadlineMs: 5_000 }).then(() => {
      closed = true;
    });
    await pause(30);
    expect(closed).toBe(false);
    await expect(fetch(running.url)).rejects.toThrow();
    finish();
    const { head, body } = await client.response();
    expect([body, /connection: close/i.test(head)]).toEqual(['done', true]);
    await closing;
    await running.mesh.close();
    expect(running.mesh.parts.size).toBe(0);
  });

  it('serves a connection that was idle until the lame duck is over', async () => {
    await using a = await saysWho('a');
    const running = await gatewayOver([a.port], { lameDuckMs: 400 });
    using client = await RawClient.to(running.port);
    using other = await RawClient.to(running.port);
    const get = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';
    await client.send(get).response();
    await other.send(get).response();
    const closing = running.gateway.close();
    const { status, head } = await client.send(get).response();
    expect([status, /connection: close/i.test(head)]).toEqual([200, true]);
    await other.end();
    await closing;
    await running.mesh.close();
  });

  it('breaks off at the deadline what is still in progress', async () => {
    const silent = await rawServer(() => {});
    const running = await gatewayOver([silent.port]);
    using client = await RawClient.to(running.port);
    client.send('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
    while (inflight(running.mesh) === 0) await pause(5);
    await running.gateway.close({ deadlineMs: 50 });
    await client.end();
    for (let i = 0; i < 100 && inflight(running.mesh) > 0; i++) await pause(10);
    expect(inflight(running.mesh)).toBe(0);
    await running.mesh.close();
    silent.close();
  });

  it('is closed by its mesh', async () => {
    await using a = await saysWho('a');
    const running = await gatewayOver([a.port]);
    expect([...running.mesh.parts].map(({ kind }) => kind)).toContain('gateway');
    await running.mesh.close();
    await expect(fetch(running.url)).rejects.toThrow();
  });
});

describe('createGateway', () => {
  it('refuses what is wrong by name', async () => {
    await using mesh = meshOf([]);
    for (const [options, name] of [
      [undefined, /createGateway/],
      [{}, /createGateway\.routes/],
      [{ routes: [], misspelt: 1 }, /misspelt/],
      [{ routes: [], trustedProxies: ['10.0.0.0/33'] }, /trustedProxies/],
      [{ routes: [], trustedProxies: ['010.0.0.1'] }, /trustedProxies/],
      [{ routes: [], via: 'a b' }, /via/],
      [{ routes: [], tls: 'secret' }, /tls/],
      [{ routes: [], upstreams: { users: { conections: 3 } } }, /conections/],
      [
        {
          routes: [
            { name: 'a', service: 'x' },
            { name: 'a', service: 'x' },
          ],
        },
        /routes\[1\]\.name/,
      ],
    ] as const)
      expect(() => createGateway(mesh, options as never)).toThrow(name);
    expect(mesh.parts.size).toBe(0);
  });
});
