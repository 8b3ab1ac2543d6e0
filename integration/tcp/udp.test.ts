import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { createMesh, type Mesh, Outcome, type ServiceOptions, staticResolver } from 'fairlead';
import { createUdpProxy, type UdpProxyOptions } from 'fairlead/tcp';
import { describe, expect, it } from 'vitest';
import { type Dnsmasq, startDnsmasq, until } from '../harness/index.js';
import { inflight } from './support.js';

const meshOf = (ports: readonly number[], options: ServiceOptions = {}): Mesh => {
  const endpoints = ports.map((port, i) => ({ id: `e${i}`, host: '127.0.0.1', port }));
  return createMesh({ resolver: staticResolver({ users: endpoints }), services: { users: options } });
};

async function proxyOf(mesh: Mesh, options: Partial<UdpProxyOptions> = {}) {
  const proxy = createUdpProxy(mesh, { service: 'users', ...options });
  const { port } = await proxy.listen({ port: 0, host: '127.0.0.1' });
  return { proxy, port, [Symbol.asyncDispose]: () => proxy.close({ deadlineMs: 0 }) };
}

const figuresOf = (mesh: Mesh) => [...mesh.parts].find(({ kind }) => kind === 'udp')!.figures!();

/** A UDP server in this process that answers each datagram with its id and that. */
async function udpServer(id: string, answer: (datagram: string) => readonly string[] = (text) => [`${id} ${text}`]) {
  const got: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (datagram, { address, port }) => {
    got.push(String(datagram));
    for (const each of answer(String(datagram))) socket.send(each, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { got, port: socket.address().port, [Symbol.dispose]: () => void socket.close() };
}

/** A client with a port of its own. */
class Client {
  readonly heard: string[] = [];
  readonly #socket: Socket;
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
    this.#socket = createSocket('udp4').on('message', (datagram) => void this.heard.push(String(datagram)));
  }

  send(text: string): void {
    this.#socket.send(text, this.#port, '127.0.0.1');
  }

  async ask(text: string): Promise<string> {
    const before = this.heard.length;
    this.send(text);
    await until(`an answer to ${text}`, () => this.heard.length > before);
    return this.heard.at(-1)!;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** A UDP port of loopback where nobody listens. */
async function refusingPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

describe('a UDP proxy', () => {
  it('keeps a client on its endpoint, balances clients, and brings answers back to their own', async () => {
    using a = await udpServer('a');
    using b = await udpServer('b');
    await using mesh = meshOf([a.port, b.port], { policy: 'round_robin' });
    await using proxy = await proxyOf(mesh);
    const clients = Array.from({ length: 4 }, () => new Client(proxy.port));
    const homes: string[] = [];
    for (const [i, client] of clients.entries()) {
      const first = await client.ask(`${i} one`);
      homes.push(first[0]!);
      for (let n = 0; n < 5; n++) expect(await client.ask(`${i} more`)).toBe(`${first[0]} ${i} more`);
    }
    expect(homes.sort()).toEqual(['a', 'a', 'b', 'b']);
    expect(proxy.proxy.flows).toBe(4);
    expect(inflight(mesh)).toBe(4);
    expect(figuresOf(mesh)).toEqual({ flows: 4, datagramsIn: 24, datagramsOut: 24, dropped: 0, failed: 0 });
    for (const client of clients) client[Symbol.dispose]();
  });

  it('passes on what a server sends unasked, and any bytes up to the longest datagram', async () => {
    const long = 'x'.repeat(60_000);
    using a = await udpServer('a', (text) => [text, 'and more', 'and yet more']);
    await using mesh = meshOf([a.port]);
    await using proxy = await proxyOf(mesh);
    using client = new Client(proxy.port);
    client.send(long);
    await until('all came', () => client.heard.length === 3);
    expect(client.heard).toEqual([long, 'and more', 'and yet more']);
    client.send('');
    await until('the empty one too', () => a.got.length === 2);
    expect(a.got[1]).toBe('');
  });

  it('sends a datagram that nobody received to another endpoint, which loses nothing', async () => {
    using a = await udpServer('a');
    await using mesh = meshOf([await refusingPort(), a.port], { policy: 'round_robin', health: [] });
    const errors: unknown[] = [];
    await using proxy = await proxyOf(mesh, {
      onError: (error) => {
        errors.push((error as NodeJS.ErrnoException).code);
        throw new Error('a log that fails');
      },
    });
    for (let i = 0; i < 6; i++) {
      using client = new Client(proxy.port);
      expect(await client.ask(`${i}`)).toBe(`a ${i}`);
    }
    expect(a.got).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(new Set(errors)).toEqual(new Set(['ECONNREFUSED']));
    expect(mesh.service('users').endpoints.map(({ failures }) => failures)).toEqual([errors.length, 0]);
  });

  it('gives up where all refuse, and drops what has no endpoint', async () => {
    await using mesh = meshOf([await refusingPort(), await refusingPort()], { health: [] });
    await using proxy = await proxyOf(mesh);
    using client = new Client(proxy.port);
    client.send('x');
    await until('it was tried', () => Number(figuresOf(mesh).failed) >= 2);
    await pause(50);
    expect(figuresOf(mesh).failed).toBeLessThanOrEqual(3);
    expect(inflight(mesh)).toBe(0);
    await using empty = meshOf([]);
    await using nowhere = await proxyOf(empty);
    using lost = new Client(nowhere.port);
    lost.send('x');
    await until('it is dropped', () => figuresOf(empty).dropped === 1);
  });

  it('has a bounded table, in which idle flows make room', async () => {
    using a = await udpServer('a');
    await using mesh = meshOf([a.port]);
    await using proxy = await proxyOf(mesh, { maxFlows: 1, idleTimeout: 300 });
    using first = new Client(proxy.port);
    using second = new Client(proxy.port);
    expect(await first.ask('1')).toBe('a 1');
    second.send('2');
    await until('it is dropped', () => figuresOf(mesh).dropped === 1);
    expect(await first.ask('3')).toBe('a 3');
    await until('the flow is idle', () => proxy.proxy.flows === 0);
    expect(inflight(mesh)).toBe(0);
    expect(await second.ask('4')).toBe('a 4');
    expect(a.got).toEqual(['1', '3', '4']);
  });

  it('ends a flow with its last answer, where their number is known', async () => {
    using a = await udpServer('a', (text) => [`${text}.1`, `${text}.2`]);
    await using mesh = meshOf([a.port]);
    await using proxy = await proxyOf(mesh, { responses: 2 });
    using client = new Client(proxy.port);
    client.send('x');
    await until('both answers', () => client.heard.length === 2);
    await until('the flow ends', () => proxy.proxy.flows === 0);
    expect(inflight(mesh)).toBe(0);
  });

  it('has a new pick for a flow whose endpoint was ejected or left, and none while all are out', async () => {
    using a = await udpServer('a');
    using b = await udpServer('b');
    const resolver = staticResolver({ users: [`127.0.0.1:${a.port}`, `127.0.0.1:${b.port}`] });
    await using mesh = createMesh({ resolver, services: { users: { policy: 'round_robin' } } });
    await using proxy = await proxyOf(mesh);
    using client = new Client(proxy.port);
    const first = (await client.ask('1'))[0]!;
    const service = mesh.service('users');
    const [mine, other] = first === 'a' ? [a, b] : [b, a];
    const endpoint = service.endpoints.find(({ spec }) => spec.port === mine.port)!;
    for (let i = 0; i < 10; i++) service.reportProbe(endpoint, Outcome.ConnectFailure);
    expect(endpoint.state).toBe('ejected');
    expect((await client.ask('2'))[0]).not.toBe(first);
    expect(inflight(mesh)).toBe(1);
    resolver.update('users', [`127.0.0.1:${mine.port}`]);
    await until('the other left', () => service.endpoints.length === 1);
    // All that there are are out: they are used, and the flow stays.
    expect((await client.ask('3'))[0]).toBe(first);
    const calls = endpoint.calls;
    expect((await client.ask('4'))[0]).toBe(first);
    expect(endpoint.calls).toBe(calls);
    expect(other.got).toEqual(['2']);
  });

  it('keeps the clients of a key together, whatever the function does', async () => {
    using a = await udpServer('a');
    using b = await udpServer('b');
    await using mesh = meshOf([a.port, b.port], { policy: 'round_robin', affinity: true });
    await using proxy = await proxyOf(mesh, { key: 'client-ip' });
    const homes = new Set<string>();
    for (let i = 0; i < 4; i++) {
      using client = new Client(proxy.port);
      homes.add((await client.ask('x'))[0]!);
    }
    expect(homes.size).toBe(1);
    await using broken = await proxyOf(mesh, {
      key: () => {
        throw new Error('no key');
      },
    });
    using client = new Client(broken.port);
    expect(await client.ask('y')).toMatch(/y$/);
  });

  it('drains: takes nothing more, waits for the answers that are to come, and not for others', async () => {
    let release = (): void => {};
    const slow = createSocket('udp4');
    slow.on('message', (datagram, { address, port }) => {
      release = () => slow.send(`late ${datagram}`, port, address);
    });
    slow.bind(0, '127.0.0.1');
    await once(slow, 'listening');
    await using mesh = meshOf([slow.address().port]);
    const proxy = await proxyOf(mesh);
    using client = new Client(proxy.port);
    client.send('x');
    await until('it arrived', () => release.name !== '' && inflight(mesh) === 1);
    await until('it is being served', () => figuresOf(mesh).datagramsIn === 1);
    const closing = proxy.proxy.close({ deadlineMs: 20_000 });
    client.send('y');
    await until('it is dropped', () => figuresOf(mesh).dropped === 1);
    await until('the server has it', () => {
      release();
      return client.heard.length > 0;
    });
    await closing;
    expect(client.heard[0]).toBe('late x');
    expect([inflight(mesh), mesh.parts.size]).toEqual([0, 0]);
    slow.close();

    using a = await udpServer('a');
    const idle = meshOf([a.port]);
    const other = await proxyOf(idle);
    using answered = new Client(other.port);
    await answered.ask('1');
    // It owes nothing: this does not take until the deadline.
    await idle.close({ deadlineMs: 3_600_000 });
    expect(other.proxy.flows).toBe(0);
  });

  it('says what is wrong with listening', async () => {
    using a = await udpServer('a');
    await using mesh = meshOf([a.port]);
    const proxy = createUdpProxy(mesh, { service: 'users' });
    await expect(proxy.listen({ port: a.port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await proxy.listen({ port: 0, host: '::1' });
    await expect(proxy.listen({ port: 0 })).rejects.toMatchObject({ code: 'FAIRLEAD_CONFLICT' });
    await proxy.close();
    await proxy.close();
    await expect(proxy.listen({ port: 0 })).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
  });
});

describe('a UDP proxy before DNS servers', () => {
  const resolverOf = (port: number): Resolver => {
    const resolver = new Resolver({ timeout: 1_000, tries: 4 });
    resolver.setServers([`127.0.0.1:${port}`]);
    return resolver;
  };
  const IDS: Readonly<Record<string, string>> = { '10.0.0.1': 'a', '10.0.0.2': 'b' };
  const who = async (port: number): Promise<string> => {
    const [address] = await resolverOf(port).resolve4('id.test');
    return IDS[address!]!;
  };

  const servers = async (): Promise<readonly [Dnsmasq, Dnsmasq]> =>
    (await Promise.all(Object.keys(IDS).map((address) => startDnsmasq({ hosts: { 'id.test': [address] } })))) as [
      Dnsmasq,
      Dnsmasq,
    ];

  it('answers from all of them', async () => {
    const [one, two] = await servers();
    await using a = one;
    await using b = two;
    await using mesh = meshOf([a.port, b.port], { policy: 'round_robin' });
    await using proxy = await proxyOf(mesh, { responses: 1 });
    const seen = new Set<string>();
    for (let i = 0; i < 8; i++) seen.add(await who(proxy.port));
    expect(seen).toEqual(new Set(['a', 'b']));
    await until('no flow is left', () => proxy.proxy.flows === 0);
  });

  it('loses no query to one that was killed, and ejects it', async () => {
    const [one, two] = await servers();
    await using a = one;
    await using b = two;
    await using mesh = meshOf([a.port, b.port], { policy: 'round_robin' });
    await using proxy = await proxyOf(mesh, { responses: 1 });
    for (let i = 0; i < 4; i++) await who(proxy.port);
    await a.kill();
    const before = Number(figuresOf(mesh).datagramsIn);
    for (let i = 0; i < 20; i++) expect(await who(proxy.port)).toBe('b');
    // Not one was asked twice by the client.
    expect(Number(figuresOf(mesh).datagramsIn) - before).toBe(20);
    expect(mesh.service('users').endpoints.map(({ state }) => state)).toEqual(['ejected', 'ready']);
  });

  it('takes one out that was stopped, by the answers that it owes', async () => {
    const [one, two] = await servers();
    await using a = one;
    await using b = two;
    await using mesh = meshOf([a.port, b.port], { policy: 'round_robin' });
    await using proxy = await proxyOf(mesh, { responses: 1, replyTimeout: 100 });
    for (let i = 0; i < 10; i++) await who(proxy.port);
    await a.pause();
    const endpoint = mesh.service('users').endpoints[0]!;
    await until('it is out', async () => {
      await Promise.all(Array.from({ length: 10 }, () => who(proxy.port)));
      return endpoint.state === 'ejected';
    });
    for (let i = 0; i < 5; i++) expect(await who(proxy.port)).toBe('b');
    await a.resume();
  });
});
