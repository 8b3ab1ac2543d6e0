import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import { withRoutingKey } from 'fairlead';
import { createDispatcher } from 'fairlead/http';
import {
  fetch as fetch7,
  getGlobalDispatcher,
  interceptors,
  request,
  setGlobalDispatcher,
  stream,
  upgrade,
} from 'undici';
import { describe, expect, it } from 'vitest';
import { Backend, inflight, meshOf, rawServer, refusingPort, saysWho } from './support.js';

/** The global fetch of this Node takes a dispatcher, which its types do not say. */
const globalFetch = fetch as unknown as typeof fetch7;
const until = async (holds: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !holds(); i++) await pause(10);
  expect(holds()).toBe(true);
};

describe.each([
  ["Node's own fetch", globalFetch],
  ["undici's fetch", fetch7],
])('%s through a dispatcher', (_, theFetch) => {
  it('balances over the service that the host names, with its path, body and Host', async () => {
    await using a = await saysWho('a');
    await using b = await saysWho('b');
    await using mesh = meshOf([a.port, b.port], { policy: 'round_robin' });
    const dispatcher = createDispatcher(mesh);
    const seen = new Set<string>();
    for (let i = 0; i < 6; i++) {
      const response = await theFetch(`http://users/v1/${i}?x=1`, { dispatcher });
      const body = (await response.json()) as { id: string; url: string; host: string };
      expect(body).toMatchObject({ url: `/v1/${i}?x=1`, host: 'users' });
      seen.add(body.id);
    }
    const posted = await theFetch('http://users/', { dispatcher, method: 'POST', body: 'hello' });
    expect(await posted.json()).toMatchObject({ method: 'POST', body: 'hello' });
    const streamed = await theFetch('http://users/', {
      dispatcher,
      method: 'PUT',
      body: new Blob(['stre', 'amed']).stream() as never,
      duplex: 'half',
    });
    expect(await streamed.json()).toMatchObject({ method: 'PUT', body: 'streamed' });
    expect(seen).toEqual(new Set(['a', 'b']));
    expect(inflight(mesh)).toBe(0);
    await dispatcher.close();
  });

  it('sends any method to another endpoint where one cannot be connected to', async () => {
    await using a = await saysWho('a');
    await using mesh = meshOf([await refusingPort(), a.port], { policy: 'round_robin', health: [] });
    const dispatcher = createDispatcher(mesh);
    for (let i = 0; i < 10; i++) {
      const response = await theFetch('http://users/', { dispatcher, method: 'POST', body: `n${i}` });
      expect(await response.json()).toMatchObject({ id: 'a', body: `n${i}` });
    }
    expect(a.requests.map(({ body }) => body)).toEqual(Array.from({ length: 10 }, (_, i) => `n${i}`));
    expect(inflight(mesh)).toBe(0);
    await dispatcher.close();
  });

  it('rejects with the reason of an abort, and counts nothing against the endpoint', async () => {
    const silent = await rawServer(() => {});
    await using mesh = meshOf([silent.port]);
    const dispatcher = createDispatcher(mesh);
    const abort = new AbortController();
    const failing = theFetch('http://users/', { dispatcher, signal: abort.signal });
    await until(() => silent.heads.length === 1);
    abort.abort(new Error('enough'));
    await expect(failing).rejects.toThrow('enough');
    await until(() => inflight(mesh) === 0);
    expect(silent.heads).toHaveLength(1);
    expect(mesh.service('users').endpoints[0]!.state).toBe('ready');
    await dispatcher.destroy();
    silent.close();
  });
});

describe('a dispatcher', () => {
  it("serves undici's request, stream and pipeline", async () => {
    await using a = await saysWho('a');
    await using mesh = meshOf([a.port]);
    const dispatcher = createDispatcher(mesh);
    const { body } = await request('http://users/one', { dispatcher });
    expect(await body.json()).toMatchObject({ url: '/one' });
    const chunks: Buffer[] = [];
    const sink = () =>
      new Writable({
        write: (chunk, _encoding, done) => {
          chunks.push(chunk);
          done();
        },
      });
    await stream('http://users/two', { dispatcher, method: 'GET' }, sink);
    expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({ url: '/two' });
    const duplex = dispatcher.pipeline(
      { origin: 'http://users', path: '/three', method: 'POST' },
      ({ body: answer }) => answer,
    );
    duplex.end('piped');
    expect(JSON.parse(await text(duplex))).toMatchObject({ url: '/three', body: 'piped' });
    expect(inflight(mesh)).toBe(0);
    await dispatcher.close();
  });

  it('works under interceptors, whose handlers speak the newer words', async () => {
    let failures = 2;
    await using a = await new Backend('a', (incoming, response) => {
      if (incoming.url === '/moved') response.writeHead(302, { location: '/here' }).end();
      else if (incoming.url === '/flaky' && failures-- > 0) response.writeHead(503).end('not yet');
      else response.end(`${incoming.url}`);
    }).listen();
    await using mesh = meshOf([a.port], { health: [] });
    const dispatcher = createDispatcher(mesh);
    const composed = dispatcher.compose(
      interceptors.redirect({ maxRedirections: 2 }),
      interceptors.retry({ maxRetries: 3, minTimeout: 1, timeoutFactor: 1 }),
    );
    const moved = await request('http://users/moved', { dispatcher: composed });
    expect(await moved.body.text()).toBe('/here');
    const flaky = await request('http://users/flaky', { dispatcher: composed });
    expect(await flaky.body.text()).toBe('/flaky');
    expect(inflight(mesh)).toBe(0);
    await dispatcher.close();
  });

  it('sends hosts that are no services to where their name says, never into the mesh', async () => {
    await using a = await saysWho('a');
    await using outside = await saysWho('outside');
    await using mesh = meshOf([a.port]);
    const dispatcher = createDispatcher(mesh, { services: '.mesh' });
    const inside = await request('http://users.mesh/', { dispatcher });
    expect(await inside.body.json()).toMatchObject({ id: 'a', host: 'users.mesh' });
    const out = await request(`http://127.0.0.1:${outside.port}/`, { dispatcher });
    expect(await out.body.json()).toMatchObject({ id: 'outside' });
    expect([...mesh.services.keys()]).toEqual(['users']);
    await dispatcher.close();
  });

  it('can be the global dispatcher', async () => {
    await using a = await saysWho('a');
    await using mesh = meshOf([a.port]);
    const dispatcher = createDispatcher(mesh);
    const before = getGlobalDispatcher();
    setGlobalDispatcher(dispatcher);
    try {
      expect(await (await fetch('http://users/')).json()).toMatchObject({ id: 'a' });
    } finally {
      setGlobalDispatcher(before);
    }
    await dispatcher.close();
  });

  it('repeats what is idempotent after a reset, and delivers a POST at most once', async () => {
    const dying = await rawServer((socket) => socket.resetAndDestroy());
    await using a = await saysWho('a');
    await using mesh = meshOf([dying.port, a.port], { policy: 'round_robin', health: [] });
    const dispatcher = createDispatcher(mesh);
    for (let i = 0; i < 4; i++) {
      const got = await request('http://users/', { dispatcher });
      expect(await got.body.json()).toMatchObject({ id: 'a' });
      const put = await request('http://users/', { dispatcher, method: 'PUT', body: Readable.from(['a', 'b', 'c']) });
      expect(await put.body.json()).toMatchObject({ id: 'a', body: 'abc' });
    }
    const before = dying.heads.length + a.requests.length;
    let failed = 0;
    for (let i = 0; i < 10; i++) {
      await request('http://users/', { dispatcher, method: 'POST', body: 'once' }).then(
        ({ body }) => body.dump(),
        () => void failed++,
      );
    }
    expect(failed).toBeGreaterThan(0);
    const posts = dying.heads.slice(0).length + a.requests.length - before;
    expect(posts).toBe(10);
    expect(inflight(mesh)).toBe(0);
    await dispatcher.close();
    dying.close();
  });

  it('does not repeat a streamed body that was longer than what is kept', async () => {
    const dying = await rawServer((socket, head) => {
      if (head.length > 0) setTimeout(() => socket.resetAndDestroy(), 50);
    });
    await using mesh = meshOf([dying.port, dying.port], { health: [] });
    const dispatcher = createDispatcher(mesh, { replayBytes: 10 });
    const body = Readable.from([Buffer.alloc(8), Buffer.alloc(8)]);
    await expect(request('http://users/', { dispatcher, method: 'PUT', body })).rejects.toThrow();
    expect(mesh.service('users').callStats.retries).toBe(0);
    expect(inflight(mesh)).toBe(0);
    await dispatcher.destroy();
    dying.close();
  });

  it('reports a truncated answer as an error, never as its end', async () => {
    const cutting = await rawServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf');
      setTimeout(() => socket.destroy(), 20);
    });
    await using mesh = meshOf([cutting.port]);
    const dispatcher = createDispatcher(mesh);
    const response = await request('http://users/', { dispatcher });
    await expect(response.body.text()).rejects.toThrow();
    expect(cutting.heads).toHaveLength(1);
    expect(inflight(mesh)).toBe(0);
    await dispatcher.destroy();
    cutting.close();
  });

  it('takes a 304 with a length for what it is, and holds nothing against its endpoint', async () => {
    const caching = await rawServer((socket) =>
      socket.write('HTTP/1.1 304 Not Modified\r\ncontent-length: 42\r\n\r\n'),
    );
    await using mesh = meshOf([caching.port]);
    const dispatcher = createDispatcher(mesh);
    for (let i = 0; i < 8; i++) {
      const { statusCode, body } = await request('http://users/', { dispatcher });
      expect([statusCode, await body.text()]).toEqual([304, '']);
    }
    expect(mesh.service('users').endpoints[0]!.state).toBe('ready');
    expect(mesh.service('users').rotation).toHaveLength(1);
    await dispatcher.destroy();
    caching.close();
  });

  it('keeps the connection of a HEAD', async () => {
    await using a = await saysWho('a');
    await using mesh = meshOf([a.port]);
    const dispatcher = createDispatcher(mesh, { connections: 1 });
    for (let i = 0; i < 5; i++) await (await request('http://users/', { dispatcher, method: 'HEAD' })).body.dump();
    expect(a.connections).toBe(1);
    await dispatcher.close();
  });

  it('ends the lease of a response that nothing reads after `unreadBodyMs`', async () => {
    await using large = await new Backend(
      'large',
      (_, response) => void response.end(Buffer.alloc(4_000_000)),
    ).listen();
    await using mesh = meshOf([large.port]);
    const dispatcher = createDispatcher(mesh, { unreadBodyMs: 100 });
    const left = await request('http://users/', { dispatcher });
    expect(left.statusCode).toBe(200);
    expect(inflight(mesh)).toBe(1);
    await until(() => inflight(mesh) === 0);
    const all = Buffer.from(await left.body.arrayBuffer());
    expect(all).toHaveLength(4_000_000);
    await dispatcher.close();
  });

  it('keeps the lease of an upgraded connection until it closes', async () => {
    await using a = await saysWho('a');
    a.server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nupgrade: echo\r\nconnection: upgrade\r\n\r\n');
      socket.pipe(socket);
    });
    await using mesh = meshOf([a.port]);
    const dispatcher = createDispatcher(mesh);
    const { socket } = await upgrade('http://users/', { dispatcher, protocol: 'echo' });
    socket.write('ping');
    expect(String((await once(socket, 'data'))[0])).toBe('ping');
    expect(inflight(mesh)).toBe(1);
    socket.destroy();
    await until(() => inflight(mesh) === 0);
    await dispatcher.destroy();
  });

  it('judges an endpoint by its statuses: 5xx ejects it, 404 does not', async () => {
    await using bad = await new Backend('bad', (_, response) => void response.writeHead(500).end()).listen();
    await using good = await new Backend('good', (_, response) => void response.writeHead(404).end()).listen();
    await using mesh = meshOf([bad.port, good.port], { policy: 'round_robin' });
    const dispatcher = createDispatcher(mesh);
    for (let i = 0; i < 20; i++) await (await request('http://users/', { dispatcher })).body.dump();
    const states = mesh.service('users').endpoints.map(({ state }) => state);
    expect(states).toEqual(['ejected', 'ready']);
    await dispatcher.close();
  });

  it('repeats after statuses that it was told, waiting for Retry-After, elsewhere', async () => {
    await using busy = await new Backend(
      'busy',
      (_, response) => void response.writeHead(503, { 'retry-after': '0' }).end(),
    ).listen();
    await using a = await saysWho('a');
    await using mesh = meshOf([busy.port, a.port], { policy: 'round_robin', health: [] });
    const dispatcher = createDispatcher(mesh, { retryStatus: [503] });
    for (let i = 0; i < 4; i++) {
      const { body } = await request('http://users/', { dispatcher });
      expect(await body.json()).toMatchObject({ id: 'a' });
    }
    const post = await request('http://users/', { dispatcher, method: 'POST', body: 'x' });
    const other = await request('http://users/', { dispatcher, method: 'POST', body: 'x' });
    expect([post.statusCode, other.statusCode].sort()).toEqual([200, 503]);
    await Promise.all([post.body.dump(), other.body.dump()]);
    expect(inflight(mesh)).toBe(0);
    await dispatcher.close();
  });

  it.each([
    ['a header', { key: { header: 'X-User' } }, (user: string) => ({ headers: { 'x-user': user } }), () => '/'],
    [
      'a cookie',
      { key: { cookie: 'sid' } },
      (user: string) => ({ headers: { cookie: `a=b; sid=${user}` } }),
      () => '/',
    ],
    ['a query parameter', { key: { query: 'user' } }, () => ({}), (user: string) => `/?user=${user}`],
    ['a segment of the path', { key: { segment: 1 } }, () => ({}), (user: string) => `/users/${user}/x`],
    [
      'a control header',
      { controlHeaders: true },
      (user: string) => ({ headers: { 'x-fairlead-key': user } }),
      () => '/',
    ],
  ] as const)('keeps a session on its endpoint by %s', async (_, options, init, path) => {
    await using a = await saysWho('a');
    await using b = await saysWho('b');
    await using mesh = meshOf([a.port, b.port], { affinity: true });
    const dispatcher = createDispatcher(mesh, options as never);
    const home = new Map<string, Set<string>>();
    for (let i = 0; i < 40; i++) {
      const user = `user-${i % 8}`;
      const { body } = await request(`http://users${path(user)}`, { dispatcher, ...init(user) });
      const { id } = (await body.json()) as { id: string };
      home.set(user, (home.get(user) ?? new Set()).add(id));
    }
    expect([...home.values()].every((ids) => ids.size === 1)).toBe(true);
    for (const { headers } of a.requests) expect(headers['x-fairlead-key']).toBeUndefined();
    await dispatcher.close();
  });

  it('takes the key of the async context where a request has none', async () => {
    await using a = await saysWho('a');
    await using b = await saysWho('b');
    await using mesh = meshOf([a.port, b.port], { affinity: true, policy: 'round_robin' });
    const dispatcher = createDispatcher(mesh);
    const ids = await Promise.all(
      Array.from({ length: 10 }, () =>
        withRoutingKey(
          'one',
          async () => ((await (await request('http://users/', { dispatcher })).body.json()) as { id: string }).id,
        ),
      ),
    );
    expect(new Set(ids).size).toBe(1);
    await dispatcher.close();
  });

  it('ends a request at the deadline of its service, with the reason', async () => {
    const silent = await rawServer(() => {});
    await using mesh = meshOf([silent.port], { resilience: { deadlineMs: 100 } });
    const dispatcher = createDispatcher(mesh);
    await expect(request('http://users/', { dispatcher })).rejects.toMatchObject({
      code: 'FAIRLEAD_DEADLINE_EXCEEDED',
    });
    await until(() => inflight(mesh) === 0);
    await dispatcher.destroy();
    silent.close();
  });

  it('hedges an idempotent request, and the caller sees one answer', async () => {
    const silent = await rawServer(() => {});
    await using a = await saysWho('a');
    await using mesh = meshOf([silent.port, a.port], { policy: 'round_robin', resilience: { hedge: { afterMs: 30 } } });
    const dispatcher = createDispatcher(mesh);
    for (let i = 0; i < 4; i++) {
      const { body } = await request('http://users/', { dispatcher });
      expect(await body.json()).toMatchObject({ id: 'a' });
    }
    await until(() => inflight(mesh) === 0);
    expect(mesh.service('users').callStats.hedgesWon).toBeGreaterThan(0);
    await dispatcher.destroy();
    silent.close();
  });

  it('begins no hedge for a response that is being read', async () => {
    const slowly = (id: string): Promise<Backend> =>
      new Backend(id, (_request, response) => {
        response.write(id);
        setTimeout(() => response.end(' whole'), 200);
      }).listen();
    await using a = await slowly('a');
    await using b = await slowly('b');
    const resilience = { hedge: { afterMs: 50, maxAttempts: 3 } };
    await using mesh = meshOf([a.port, b.port], { policy: 'round_robin', resilience });
    const dispatcher = createDispatcher(mesh);
    for (let i = 0; i < 4; i++) {
      const { body } = await request('http://users/', { dispatcher });
      expect(await body.text()).toMatch(/^[ab] whole$/);
    }
    expect(a.requests.length + b.requests.length).toBe(4);
    await dispatcher.destroy();
  });

  // The first server reads all, and is slow to answer. What is kept of the body was let go by then.
  it.each([
    ['its length said', { 'content-length': '200000' }, { hedge: { afterMs: 30 } }, 'a 200000'],
    ['its length not said', {}, { hedge: { afterMs: 30 } }, 'a 200000'],
    [
      'an attempt given up',
      {},
      { hedge: { afterMs: 10_000 }, retry: { attemptTimeoutMs: 60 } },
      'FAIRLEAD_DEADLINE_EXCEEDED',
    ],
  ])('never sends the rest of a long body as the whole of it: %s', async (_, headers, resilience, expected) => {
    const answer = (id: string, afterMs: number): Promise<Backend> =>
      new Backend(id, (_request, response, body) => {
        setTimeout(() => response.end(`${id} ${body.length}`), afterMs);
      }).listen();
    await using slow = await answer('a', 300);
    await using other = await answer('b', 0);
    await using mesh = meshOf([slow.port, other.port], { policy: 'round_robin', resilience });
    const dispatcher = createDispatcher(mesh);
    for (let i = 0; i < 4; i++) {
      const chunks = Array.from({ length: 20 }, () => Buffer.alloc(10_000, 'x'));
      const asked = request('http://users/', { dispatcher, method: 'PUT', headers, body: Readable.from(chunks) });
      const heard = await asked.then(
        ({ body }) => body.text(),
        (error: { code?: string }) => error.code,
      );
      if (heard !== 'b 200000') expect(heard).toBe(expected);
    }
    await pause(100);
    expect([...slow.requests, ...other.requests].filter(({ body }) => body.length !== 200_000)).toEqual([]);
    await until(() => inflight(mesh) === 0);
    await dispatcher.destroy();
  });

  it('refuses with a typed error where the service has no endpoint or a limit is reached', async () => {
    await using empty = meshOf([], { waitForReadyMs: 50 });
    const nowhere = createDispatcher(empty);
    await expect(request('http://users/', { dispatcher: nowhere })).rejects.toMatchObject({
      code: 'FAIRLEAD_NO_ENDPOINT',
    });
    await expect(globalFetch('http://users/', { dispatcher: nowhere })).rejects.toMatchObject({
      cause: { code: 'FAIRLEAD_NO_ENDPOINT' },
    });
    const silent = await rawServer(() => {});
    await using mesh = meshOf([silent.port], { resilience: { limits: { maxInflight: 1 } } });
    const dispatcher = createDispatcher(mesh);
    request('http://users/', { dispatcher }).catch(() => {});
    await until(() => silent.heads.length === 1);
    await expect(request('http://users/', { dispatcher })).rejects.toMatchObject({ code: 'FAIRLEAD_TOO_MANY_CALLS' });
    await dispatcher.destroy();
    silent.close();
  });

  it('reports what it cannot do through the handler, and never throws', async () => {
    await using mesh = meshOf([1]);
    const dispatcher = createDispatcher(mesh);
    await expect(request('http://users/', { dispatcher, headers: { upgrade: 'x' } })).rejects.toThrow();
    await dispatcher.close();
    await expect(request('http://users/', { dispatcher })).rejects.toMatchObject({ code: 'UND_ERR_CLOSED' });
    expect(() => createDispatcher(mesh, { conections: 3 } as never)).toThrow(/conections is not an option/);
    expect(() => createDispatcher(mesh, { key: { heder: 'x' } } as never)).toThrow(/createDispatcher\.key/);
  });

  it('leaves a socket alone that it did not open', async () => {
    await using a = await saysWho('a');
    const socket = connect(a.port, '127.0.0.1');
    await once(socket, 'connect');
    await using mesh = meshOf([a.port]);
    const dispatcher = createDispatcher(mesh);
    await (await request('http://users/', { dispatcher })).body.dump();
    await dispatcher.destroy();
    expect(socket.destroyed).toBe(false);
    socket.destroy();
  });
});
