import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { createContextValues } from '@connectrpc/connect';
import { Metadata } from '@grpc/grpc-js';
import {
  affinityTokens,
  clientIpKey,
  cookieKey,
  createMesh,
  firstKey,
  headerKey,
  sessionHash,
  staticResolver,
  withRoutingKey,
} from 'fairlead';
import { normalHost, RouteTable, readRoutes, readTarget } from 'fairlead/adapter';
import { preferredEndpoint, routingKey } from 'fairlead/connect';
import { setPreferredEndpoint, setRoutingKey } from 'fairlead/grpc';
import { KeyRing, murmur3, RendezvousTable } from 'fairlead/hashing';
import { createPool, sessionMiddleware } from 'fairlead/mysql';
import { redisSessionStore } from 'fairlead/redis';
import { KeyedRate, KeyedWindow, parseRetryAfter, parseRetryPushback } from 'fairlead/resilience';
import { laneOf, routeCalls, withLane } from 'fairlead/routing';
import { ManualClock, seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { hopAddress, plainAddress } from '../../adapters/gateway/head/client.js';
import { keyReader } from '../../adapters/gateway/routes/keys.js';
import { WindowCounts } from '../../adapters/gateway/routes/rate-limit.js';
import { intentOf } from '../../adapters/http/call.js';
import { readHttpOptions } from '../../adapters/http/options.js';

/**
 * Promise 1: text of end users (keys, headers, cookies, tokens, exported sessions, metadata) never
 * throws out of, hangs or pollutes anything. Every exported function that takes such text is in
 * this table; one that is added belongs here.
 */

const mesh = createMesh({
  resolver: staticResolver({
    users: ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'],
    split: [
      { host: '127.0.0.1', port: 1, tags: ['a'] },
      { host: '127.0.0.1', port: 2, tags: ['b'] },
      { host: '127.0.0.1', port: 3, meta: { lane: 'a' } },
      { host: '127.0.0.1', port: 4 },
    ],
    db: ['127.0.0.1:4'],
  }),
  clock: new ManualClock(),
  random: seededRandom(1),
});
const sticky = mesh.service('users', {
  affinity: { capacity: 100 },
  policy: 'consistent_hash',
  resilience: { limits: { ratePerKey: { perSecond: 1e9, burst: 1e9 } } },
});
const split = mesh.service('split');
routeCalls(split, {
  split: {
    name: 'users',
    arms: { a: { share: 40, tags: ['a'] }, b: { share: 10, tags: ['b'] } },
    rules: [
      { arm: 'a', labels: { 'x-user': { prefix: 'x' } } },
      { arm: 'b', labels: { 'x-user': ['a', '__proto__'], 'x-more': { present: true } } },
    ],
  },
  lanes: true,
});
const pool = createPool(mesh, { service: 'db' });
const cookies = sessionMiddleware(pool, { secret: 's'.repeat(32) });
function middleware(cookie: string): void {
  const incoming = new IncomingMessage(new Socket());
  incoming.headers.cookie = cookie;
  const response = new ServerResponse(incoming);
  cookies(incoming, response, () => void response.writeHead(200));
}

const routes = new RouteTable(
  readRoutes(
    [
      {
        name: 'all',
        match: [
          { path: '/a/{id}/*', host: '*.example.com', headers: { 'x-user': { prefix: 'x' } }, query: { a: 'x' } },
        ],
        service: 'users',
      },
    ],
    'routes',
  ).map((route) => [route, route.matches] as const),
);
const KEYS = [{ header: 'x-user' }, { cookie: 'session' }, { query: 'a' }, { segment: 1 }] as const;
const routeKeys = KEYS.map((key) => keyReader([key]));
const httpKeys = readHttpOptions({ key: KEYS, controlHeaders: true });
const windowCounts = new WindowCounts(1, 60_000);
afterAll(async () => {
  pool.end(() => {});
  await mesh.close({ deadlineMs: 0 });
});

const tokens = affinityTokens({ keys: [{ id: 'k', secret: 's'.repeat(32) }], audience: 'users' });
const rate = new KeyedRate({ perSecond: 1, capacity: 100 });
const window = new KeyedWindow({ max: 1, capacity: 100 });
const rings = ['ketama', 'murmur3'].map((hash) => new KeyRing({ hash: hash as 'ketama' }));
for (const ring of rings)
  ring.update([
    { id: 'a', weight: 1 },
    { id: 'b', weight: 2 },
  ]);
const rendezvous = new RendezvousTable(['a', 'b'], [1, 2]);
const sessions = redisSessionStore({ evalsha: async () => 'e1', eval: async () => 'e1' }, { prefix: 'p:' });
const fields = (text: string) => ({ cookie: text, 'x-user': text, [text]: text });
const gettable = (text: string) => ({ get: (name: string) => (name === 'cookie' ? text : [text, Buffer.from(text)]) });

/** By the name of what is called; each may return or resolve to whatever it likes. */
const TAKERS: Readonly<Record<string, (text: string) => unknown>> = {
  clientIpKey: (text) => clientIpKey({ ipv4Prefix: 24, ipv6Prefix: 48 })(text),
  'headerKey, of plain headers': (text) => headerKey('x-user')(fields(text)),
  'headerKey, of metadata': (text) => headerKey('x-user')(gettable(text)),
  'cookieKey, of plain headers': (text) => cookieKey('session')(fields(`${text};session=${text}`)),
  'cookieKey, of metadata': (text) => cookieKey('session')(gettable(text)),
  firstKey: (text) => firstKey(cookieKey('session'), headerKey('x-user'))(fields(text)),
  sessionHash: (text) => [sessionHash(text), sessionHash(Buffer.from(text))],
  'affinityTokens.read': (text) => [tokens.read(text, sticky.endpoints), tokens.read(`f1.k.${text}`, [])],
  'acquire by key': (text) => sticky.acquire({ key: text })[Symbol.dispose](),
  'acquire by bytes': (text) => sticky.acquire({ key: Buffer.from(text) })[Symbol.dispose](),
  'acquire by preference': (text) => sticky.acquire({ prefer: text })[Symbol.dispose](),
  'call by key': (text) => sticky.call((endpoint) => endpoint.spec.id, { key: text }),
  'call by clientKey': (text) => sticky.call((endpoint) => endpoint.spec.id, { clientKey: text }),
  unbind: (text) => sticky.unbind(text),
  withRoutingKey: (text) => withRoutingKey(text, () => 'ran'),
  'KeyedRate.tryAcquire': (text) => rate.tryAcquire(text, 0),
  'KeyedWindow.tryAcquire': (text) => window.tryAcquire(text, 0),
  murmur3: (text) => [murmur3(text, 0), murmur3(Buffer.from(text), 0)],
  'KeyRing.lookup': (text) => rings.map((ring) => [ring.lookup(text), ring.lookupAccepted(text, () => false)]),
  'RendezvousTable.seek': (text) => rendezvous.seek(murmur3(text, 0)),
  parseRetryAfter: (text) => parseRetryAfter(text, 0),
  parseRetryPushback: (text) => parseRetryPushback(text),
  'grpc setRoutingKey': (text) => setRoutingKey(new Metadata(), text),
  'grpc setPreferredEndpoint': (text) => setPreferredEndpoint(new Metadata(), text),
  'connect routingKey': (text) => createContextValues().set(routingKey, text).set(preferredEndpoint, text),
  'laneOf, of plain headers': (text) => [
    laneOf({ 'x-fairlead-lane': text }),
    laneOf({ baggage: `a=1,lane=${text};p=1` }),
    laneOf(fields(text), text),
  ],
  'laneOf, of metadata': (text) => laneOf({ get: (name) => (name === 'baggage' ? text : [text]) }),
  'withLane of what laneOf read': (text) => withLane(laneOf({ 'x-fairlead-lane': text }), () => 'ran'),
  'acquire in a lane': (text) => withLane(laneOf({ 'x-fairlead-lane': text }), () => split.acquire()[Symbol.dispose]()),
  'labels of a split': (text) => split.acquire({ labels: () => text })[Symbol.dispose](),
  'labels of a split, by name': (text) =>
    split.acquire({ labels: (name) => fields(text)[name as 'x-user'] })[Symbol.dispose](),
  'key of a split': (text) => [
    split.acquire({ key: text })[Symbol.dispose](),
    split.acquire({ key: Buffer.from(text) })[Symbol.dispose](),
  ],
  readTarget: (text) => [readTarget(text), readTarget(`/${text}`)],
  normalHost: (text) => normalHost(text),
  'RouteTable.find': (text) => {
    const target = readTarget(`/a/${text}`) ?? { raw: '/', query: `?${text}`, segments: ['', text] };
    const request = { method: text, header: () => text };
    return [routes.find(text, target, request), routes.methodsFor(`a.${text}`, target, request)];
  },
  'keys of a gateway': (text) => {
    const target = readTarget(`/${text}?a=${text}`) ?? { raw: '/', query: `?a=${text}`, segments: ['', text] };
    const header = (): string => `session=${text}`;
    return routeKeys.map((keyOf) => keyOf({ head: { target } as never, client: text, header }));
  },
  'a limit of a gateway': (text) => windowCounts.take(text, 0),
  'an address that a gateway is told': (text) => [hopAddress(text), plainAddress(text)],
  'keys of HTTP': (text) => {
    const request = { service: 'users', method: text, path: `/${text}?a=${text}`, header: () => `session=${text}` };
    return [intentOf(httpKeys, undefined, { request }), httpKeys.keys.map((keyOf) => keyOf(request))];
  },
  'mysql sessionMiddleware': (text) => [middleware(text), middleware(`__Host-fairlead-mysql=${text}`)],
  'mysql session token': (text) => pool.session(() => 'ran', text),
  'mysql route of a statement': (text) => pool.route(text),
  'redisSessionStore.load': (text) => sessions.load(text, 1),
  'redisSessionStore.bind': (text) => sessions.bind(text, 'e1', 1, text),
};

const PIECES = [']', '[', '@', '%', '\n', '\r\n', '\0', '\ud800', '\udfff', ':', '::', '.', '/', '\\', "'", '"', '`'];
const WORDS = [
  '__proto__',
  'constructor',
  'toString',
  'session=',
  ';',
  ',',
  '{',
  '}',
  '--',
  '/*',
  '*/',
  '1e999',
  'ä',
  ' ',
  'a',
  '0',
  'x',
  'example.com',
  '80',
];
const pieces = fc.array(fc.constantFrom(...PIECES, ...WORDS), { maxLength: 40 }).map((each) => each.join(''));
const hostile = fc.oneof(pieces, fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ unit: 'grapheme' }));
const MEGABYTE = 1_000_000;
/**
 * What ends a match that a regular expression had hoped for makes it begin anew, at every place.
 */
const pumps = [...PIECES, ...WORDS].map((each) => `${each.repeat(Math.ceil(MEGABYTE / each.length))}\n!`);

describe.each(Object.entries(TAKERS))('text of end users given to %s', (_, take) => {
  it('never throws or rejects, whatever it is', async () => {
    await take('x]@example.com:80/');
    await fc.assert(
      fc.asyncProperty(hostile, async (text) => {
        await take(text);
      }),
      { numRuns: 300 },
    );
  });

  it('does not hang at a megabyte of any piece', async () => {
    for (const text of pumps) await take(text);
  });
});

describe('text of end users', () => {
  it('leaves the prototypes as they were', () => {
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(Object.keys(Array.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});
