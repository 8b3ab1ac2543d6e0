import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { createMesh, type Service } from 'fairlead';
import { consulKv, consulResolver } from 'fairlead/consul';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { consulWorld } from '../../support/consul.js';
import { ScriptedConsul } from '../../support/scripted-consul.js';
import { until } from '../../support/until.js';
import { quietWire } from '../../support/wire.js';

/** An agent that accepts connections and answers nothing: how many it was tried with. */
async function deadAgent(): Promise<{ address: string; connections: number }> {
  const agent = { address: '', connections: 0 };
  const server: Server = createServer((socket: Socket) => {
    agent.connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  agent.address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  onTestFinished(() => void server.close());
  return agent;
}

async function pass(agent: { readonly address: string }, clock: ManualClock, ms: number): Promise<void> {
  for (let at = 0; at < ms; at += 50) {
    await clock.advanceAsync(50);
    await quietWire(agent.address);
  }
}

/** Full jitter below 750 ms is 375 on average; twice as often is a very unlucky seed. */
const triesIn = (ms: number): number => Math.ceil(ms / 375) * 2;

describe('an agent that is away', () => {
  it('is asked by one of 200 services at a time, and each knows why it waits', async () => {
    const agent = await deadAgent();
    const clock = new ManualClock(1_000);
    const mesh = createMesh({
      resolver: consulResolver({ address: agent.address, env: {} }),
      ...{ clock, random: seededRandom(5) },
    });
    onTestFinished(() => mesh.close());
    const services = Array.from({ length: 200 }, (_, i) => mesh.service(`s${i}`));
    await pass(agent, clock, 1_000);
    // All had a first try before the first of them had failed.
    const before = agent.connections;
    await pass(agent, clock, 30_000);
    expect(agent.connections - before).toBeGreaterThan(20);
    expect(agent.connections - before).toBeLessThan(triesIn(30_000));
    for (const service of services) expect(service.discovery.error?.message).toMatch(/^Consul at .*(hang up|RESET)/);
    const late = mesh.service('late');
    await pass(agent, clock, 50);
    expect(late.discovery.error?.message).toMatch(/^Consul at .*(hang up|RESET)/);
  });

  it('is asked by all within a second of its return, from index 0', async () => {
    const world = await consulWorld(['a']);
    const { consul, mesh, blocks, pass: passWorld, passUntil } = world;
    await blocks();
    const services = Array.from({ length: 60 }, (_, i) => {
      consul.set(`s${i}`, ['a']);
      return mesh.service(`s${i}`);
    });
    await passUntil(() => services.every((service) => service.endpoints.length === 1));
    await passUntil(() => consul.blocked === 61);
    await consul.down();
    await passWorld(20_000);
    for (let i = 0; i < 60; i++) consul.set(`s${i}`, ['a', 'b'], 3);
    await consul.up();
    const before = consul.queries.length;
    const isBack = (service: Service): boolean => service.endpoints.length === 2;
    expect(await passUntil(() => services.some(isBack))).toBeLessThanOrEqual(1_000);
    // No time passes from there on.
    await until(() => services.every(isBack));
    for (let i = 0; i < 60; i++) {
      const first = consul.queries.slice(before).find(({ path }) => path.endsWith(`/s${i}`));
      expect(first?.query.has('index')).toBe(false);
    }
  });

  it('keeps nobody who stops waiting', async () => {
    const agent = await deadAgent();
    const clock = new ManualClock(1_000);
    const mesh = createMesh({ resolver: consulResolver({ address: agent.address, env: {} }), clock });
    for (let i = 0; i < 20; i++) mesh.service(`s${i}`);
    await pass(agent, clock, 2_000);
    await mesh.close();
    await quietWire(agent.address);
    expect(clock.pending).toBe(0);
  });

  it('is not what one service that is answered no makes of it', async () => {
    const { consul, mesh, blocks, pass: passWorld, service, clock } = await consulWorld(['a']);
    await blocks();
    consul.script = ({ path }, response) => {
      if (!path.endsWith('/bad')) return false;
      response.writeHead(500).end('no such expression');
      return true;
    };
    const bad = mesh.service('bad');
    await passWorld(3_000);
    expect(bad.discovery.error?.message).toMatch(/answered 500/);
    const changes: number[] = [];
    service.on('endpoints', () => changes.push(clock.now()));
    for (let i = 0; i < 5; i++) {
      await passWorld(2_000);
      const atMs = clock.now();
      consul.set('users', ['a', `b${i}`]);
      await until(() => changes.length === i + 1);
      expect(changes.at(-1)).toBe(atMs);
    }
  });
});

describe('a key of the KV store', () => {
  it('is read less and less often while Consul cannot be reached', async () => {
    const agent = await deadAgent();
    const clock = new ManualClock(1_000);
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    const errors: Error[] = [];
    const sink = { value: () => {}, error: (error: Error) => errors.push(error) };
    const kv = consulKv({ address: agent.address, env: {} });
    kv.watch('k', sink, stop.signal, { clock, random: seededRandom(5) });
    await pass(agent, clock, 60_000);
    // Full jitter below 5 s is 24 a minute, and the first few come sooner; without a backoff it is
    // 120.
    expect(agent.connections).toBeGreaterThan(15);
    expect(agent.connections).toBeLessThan(50);
    expect(errors.length).toBeGreaterThan(15);
  });

  it('is not harmed by a sink that throws', async () => {
    const consul = await ScriptedConsul.start();
    consul.script = (_request, response) => {
      response.writeHead(200, { 'x-consul-index': String(consul.requests.length) }).end(`v${consul.requests.length}`);
      return true;
    };
    const clock = new ManualClock(1_000);
    const stop = new AbortController();
    onTestFinished(async () => {
      stop.abort();
      await consul.down();
    });
    const values: unknown[] = [];
    const sink = {
      value: (text: string | undefined) => {
        values.push(text);
        throw new Error('of a sink');
      },
      error: () => {
        throw new Error('of a sink');
      },
    };
    consulKv({ address: consul.address, env: {} }).watch('k', sink, stop.signal, { clock, random: seededRandom(5) });
    await pass(consul, clock, 3_000);
    expect(values.slice(0, 3)).toEqual(['v1', 'v2', 'v3']);
    consul.script = (_request, response) => {
      response.destroy();
      return true;
    };
    await pass(consul, clock, 3_000);
    expect(consul.requests.length).toBeGreaterThan(8);
  });
});
