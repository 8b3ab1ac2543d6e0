import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { createServer, get as httpGet, type IncomingMessage } from 'node:http';
import { createServer as createSecureServer, get as httpsGet } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import { createAgent, createDispatcher } from 'fairlead/http';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { makeCertificates } from '../harness/certificates.js';
import { Backend, inflight, meshOf, rawServer, refusingPort, saysWho } from './support.js';

const reading = async (sent: ReturnType<typeof httpGet>): Promise<{ status: number; body: string }> => {
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return { status: response.statusCode!, body: await text(response) };
};

describe('an agent of node:http', () => {
  it('balances by request, and leaves endpoints that cannot be connected to', async () => {
    await using a = await saysWho('a');
    await using b = await saysWho('b');
    await using mesh = meshOf([a.port, await refusingPort(), b.port], { policy: 'round_robin', health: [] });
    const agent = createAgent(mesh, { service: 'users' });
    const seen = new Set<string>();
    for (let i = 0; i < 9; i++) {
      const { status, body } = await reading(httpGet('http://users/v1', { agent }));
      expect(status).toBe(200);
      expect(JSON.parse(body)).toMatchObject({ url: '/v1', host: 'users' });
      seen.add((JSON.parse(body) as { id: string }).id);
    }
    expect(seen).toEqual(new Set(['a', 'b']));
    for (let i = 0; i < 100 && inflight(mesh) > 0; i++) await pause(10);
    expect(inflight(mesh)).toBe(0);
  });

  it('judges an endpoint by the statuses and losses that its connections see', async () => {
    await using bad = await new Backend('bad', (_, response) => void response.writeHead(500).end()).listen();
    const dying = await rawServer((socket) => socket.resetAndDestroy());
    await using good = await saysWho('good');
    await using mesh = meshOf([bad.port, dying.port, good.port], { policy: 'round_robin' });
    const agent = createAgent(mesh, { service: 'users' });
    for (let i = 0; i < 30; i++) {
      await reading(httpGet('http://users/', { agent })).catch(() => {});
      await pause(1);
    }
    const states = mesh.service('users').endpoints.map(({ state }) => state);
    // At most half of three may go, and the first that failed often enough did.
    expect(states.filter((state) => state === 'ejected').length).toBeGreaterThan(0);
    expect(states[2]).toBe('ready');
    dying.close();
  });

  it('rejects with a typed error where there is no endpoint, and refuses wrong options', async () => {
    await using mesh = meshOf([], { waitForReadyMs: 50 });
    const agent = createAgent(mesh, { service: 'users' });
    await expect(reading(httpGet('http://users/', { agent }))).rejects.toMatchObject({ code: 'FAIRLEAD_NO_ENDPOINT' });
    expect(() => createAgent(mesh, {} as never)).toThrow(/createAgent\.service/);
    expect(() => createAgent(mesh, { service: 'users', tls: 3 } as never)).toThrow(/createAgent\.tls/);
  });
});

describe('over TLS', () => {
  it('verifies the name of the URL and sends it as SNI and Host, to whatever address', async () => {
    const certificates = await makeCertificates();
    const [cert, key] = await Promise.all([readFile(certificates.certFile), readFile(certificates.keyFile)]);
    const names: (string | false | null | undefined)[] = [];
    const server = createSecureServer({ cert, key }, (incoming, response) => {
      names.push((incoming.socket as TLSSocket).servername);
      response.end(incoming.headers.host);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await using mesh = meshOf([port], { health: [] });
    const services = (host: string): string | undefined =>
      host === certificates.name || host === 'users' ? 'users' : undefined;
    const dispatcher = createDispatcher(mesh, { services, tls: { ca: certificates.ca } });
    const { body } = await request(`https://${certificates.name}/`, { dispatcher });
    expect(await body.text()).toBe(certificates.name);
    await expect(request('https://users/', { dispatcher })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    const untrusting = createDispatcher(mesh, { services });
    await expect(request(`https://${certificates.name}/`, { dispatcher: untrusting })).rejects.toThrow(/certificate/);
    const agent = createAgent(mesh, { service: 'users', tls: { ca: certificates.ca } });
    const viaAgent = await reading(httpsGet(`https://${certificates.name}/`, { agent }));
    expect(viaAgent.body).toBe(certificates.name);
    expect(names).toEqual([certificates.name, certificates.name]);
    await Promise.all([dispatcher.close(), untrusting.close()]);
    server.closeAllConnections();
    server.close();
  });

  it('reaches an endpoint by a unix socket', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'fairlead-http-')), 'server.sock');
    const server = createServer((incoming, response) => void response.end(`by ${incoming.url}`)).listen(path);
    await once(server, 'listening');
    await using mesh = meshOf([1]);
    const dispatcher = createDispatcher(mesh, { socketPath: ({ spec }) => (spec.port === 1 ? path : undefined) });
    const { body } = await request('http://users/socket', { dispatcher });
    expect(await body.text()).toBe('by /socket');
    await dispatcher.close();
    server.close();
  });
});
