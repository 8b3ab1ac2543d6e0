import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { createMesh, Outcome, staticResolver } from 'fairlead';
import { prometheusMetrics } from 'fairlead/prometheus';
import fastify from 'fastify';
import { afterAll, describe, expect, it } from 'vitest';

const mesh = createMesh({ resolver: staticResolver({ users: ['10.0.0.1:1'] }) });
const metrics = prometheusMetrics(mesh);
mesh.service('users').acquire().done(Outcome.Success);
afterAll(() => {
  metrics.close();
  return mesh.close();
});

const listening = async (server: Server): Promise<{ url: string; close(): unknown }> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
};

const servers: Record<string, () => Promise<{ url: string; close(): unknown }>> = {
  'node:http': () => listening(createServer(metrics.handler)),
  Express: () => listening(createServer(express().all('/metrics', metrics.handler))),
  Fastify: async () => {
    const app = fastify();
    app.route({ method: ['GET', 'HEAD', 'POST'], url: '/metrics', handler: metrics.handler });
    return { url: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() };
  },
};

describe.each(Object.keys(servers))('the handler in %s', (name) => {
  it('answers in the format that the scraper asks for, and only GET and HEAD', async () => {
    const { url, close } = await servers[name]!();
    try {
      const plain = await fetch(`${url}/metrics`);
      expect(plain.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
      expect(await plain.text()).toContain('fairlead_calls_total{service="users",outcome="success"} 1\n');
      const accept = 'application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.3';
      const open = await fetch(`${url}/metrics`, { headers: { accept } });
      expect(open.headers.get('content-type')).toBe(metrics.contentType);
      expect(await open.text()).toMatch(/# EOF\n$/);
      const head = await fetch(`${url}/metrics`, { method: 'HEAD' });
      expect([head.status, await head.text()]).toEqual([200, '']);
      expect((await fetch(`${url}/metrics`, { method: 'POST', body: '' })).status).toBe(405);
    } finally {
      await close();
    }
  });
});
