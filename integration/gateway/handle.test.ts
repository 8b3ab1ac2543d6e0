import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createGateway } from 'fairlead/gateway';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { meshOf, saysWho } from '../http/support.js';

const ROUTES = [{ match: { path: '/api/*' }, service: 'users' }];

describe('gateway.handle', () => {
  it('serves node:http, and answers 404 where nothing comes next', async () => {
    await using backend = await saysWho('a');
    await using mesh = meshOf([backend.port]);
    const gateway = createGateway(mesh, { routes: ROUTES });
    const server = createServer((request, response) => gateway.handle(request, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const response = await fetch(`${url}/api/x`, { method: 'POST', body: 'hello' });
    expect(await response.json()).toMatchObject({ url: '/api/x', body: 'hello' });
    expect((await fetch(url)).status).toBe(404);
    await gateway.close();
    server.closeAllConnections();
    server.close();
  });

  it('is a middleware of Express, which goes on where no route matches; behind a body parser it fails, and does not hang', async () => {
    await using backend = await saysWho('a');
    // A process of its own: the resolution of this one loads a dependency of Express wrongly.
    const child = fork(join(import.meta.dirname, 'express-server.mjs'), [String(backend.port)], {
      execArgv: ['--import', 'tsx', '--conditions=fairlead-source'],
    });
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const url = `http://127.0.0.1:${port}`;
    expect(await (await fetch(`${url}/own`)).text()).toBe('own');
    const post = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } };
    expect(await (await fetch(`${url}/api/x`, post)).json()).toMatchObject({ id: 'a', url: '/api/x', body: '{}' });
    const parsed = await fetch(`${url}/parsed/api/x`, post);
    expect([parsed.status, await parsed.text()]).toEqual([500, 'FAIRLEAD_CONFLICT']);
    expect((await fetch(`${url}/parsed/api/x`)).status).toBe(200);
    child.kill();
  });

  it('serves Fastify after reply.hijack()', async () => {
    await using backend = await saysWho('a');
    await using mesh = meshOf([backend.port]);
    const gateway = createGateway(mesh, { routes: ROUTES });
    const app = Fastify();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));
    app.removeContentTypeParser(['application/json', 'text/plain']);
    app.all('/api/*', (request, reply) => {
      reply.hijack();
      gateway.handle(request.raw, reply.raw);
    });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const response = await fetch(`${url}/api/x`, { method: 'POST', body: 'hello' });
    expect(await response.json()).toMatchObject({ id: 'a', body: 'hello' });
    await gateway.close();
    await app.close();
  });
});
