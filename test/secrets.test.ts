import * as core from 'fairlead';
import * as admin from 'fairlead/admin';
import * as config from 'fairlead/config';
import * as connect from 'fairlead/connect';
import * as consul from 'fairlead/consul';
import * as dns from 'fairlead/dns';
import * as etcd from 'fairlead/etcd';
import * as gateway from 'fairlead/gateway';
import * as grpc from 'fairlead/grpc';
import * as http from 'fairlead/http';
import * as monitor from 'fairlead/monitor';
import * as mysql from 'fairlead/mysql';
import * as mysqlPromise from 'fairlead/mysql/promise';
import * as otel from 'fairlead/otel';
import * as prometheus from 'fairlead/prometheus';
import * as redis from 'fairlead/redis';
import * as resilience from 'fairlead/resilience';
import * as routing from 'fairlead/routing';
import * as sources from 'fairlead/sources';
import * as tcp from 'fairlead/tcp';
import { describe, expect, it } from 'vitest';
import { CANARY, leaksOf, printed, TEXTS } from './support/canaries.js';

type Open = (options: never) => unknown;

interface Door {
  readonly open: Open;
  readonly base?: Readonly<Record<string, unknown>>;
  /** What is given as a whole is a name: one that could be a password is shown. */
  readonly named?: boolean;
}

const mesh = core.createMesh();
const impatient = core.createMesh({ defaults: { waitForReadyMs: 0 } });
const doors = {
  ...{ core, resilience, consul, etcd, connect, gateway, grpc, http, tcp },
  ...{ mysql, mysqlPromise, redis, otel, prometheus, monitor },
  ...{ admin, config, dns, routing, sources },
};

/** Every function of the doors that is given options; the test below sees that none is missing. */
const OPTIONS: Readonly<Record<string, Door>> = {
  'admin.createAdmin': { open: (options) => admin.createAdmin(mesh, options) },
  'core.adaptiveWeight': { open: core.adaptiveWeight },
  'core.affinityTokens': { open: core.affinityTokens, base: { audience: 'users' } },
  'core.closeOnSignals': { open: (options) => core.closeOnSignals(mesh, options)() },
  'core.connectFailures': { open: core.connectFailures },
  'core.consecutiveFailures': { open: core.consecutiveFailures },
  'core.consistentHash': { open: core.consistentHash },
  'core.createMesh': { open: core.createMesh },
  'core.createMesh services': { open: (options) => core.createMesh({ services: { users: options } }) },
  'core.customCheck': { open: core.customCheck },
  'core.failurePercentage': { open: core.failurePercentage },
  'core.grpcCheck': { open: core.grpcCheck },
  'core.httpCheck': { open: core.httpCheck },
  'core.ipHash': { open: core.ipHash },
  'core.latencyOutliers': { open: core.latencyOutliers },
  'core.leastConnections': { open: core.leastConnections },
  'core.leastRequest': { open: core.leastRequest },
  'core.maglev': { open: core.maglev },
  'core.outlierDetection': { open: core.outlierDetection },
  'core.peakEwma': { open: core.peakEwma },
  'core.prequal': { open: core.prequal },
  'core.randomPolicy': { open: core.randomPolicy },
  'core.rendezvous': { open: core.rendezvous },
  'core.roundRobin': { open: core.roundRobin },
  'core.serviceStats': { open: (options) => core.serviceStats(mesh.service('users'), options) },
  'core.staticResolver': { open: core.staticResolver },
  'core.staticResolver endpoints': { open: (options) => core.staticResolver({ users: options }), named: true },
  'core.successRate': { open: core.successRate },
  'core.tcpCheck': { open: core.tcpCheck },
  'core.weightedLeastConnections': { open: core.weightedLeastConnections },
  'core.weightedRoundRobin': { open: core.weightedRoundRobin },
  'consul.consulKv': { open: consul.consulKv },
  'consul.consulRegistrar': { open: consul.consulRegistrar },
  'consul.consulResolver': { open: consul.consulResolver },
  'config.createConfigStore': { open: (options) => config.createConfigStore(core.createMesh(), options) },
  'config.fileSource': { open: config.fileSource },
  'dns.dnsResolver': { open: dns.dnsResolver },
  'routing.routeCalls': { open: (options) => routing.routeCalls(core.createMesh().service('users'), options) },
  'routing.routeCalls split': {
    open: (options) => routing.routeCalls(core.createMesh().service('users'), { split: options }),
    base: { name: 'users', arms: { v2: { share: 1, version: '2' } } },
  },
  'routing.startCanary': {
    open: (options) => {
      const arms = { v2: { share: 1, version: '2' } };
      const split = { name: 'users', arms };
      return routing.startCanary(routing.routeCalls(core.createMesh().service('users'), { split }), options);
    },
    base: { arm: 'v2' },
  },
  'sources.fallback': { open: (options) => sources.fallback([{ resolver: core.staticResolver() }], options) },
  'sources.fileResolver': { open: sources.fileResolver, base: { path: '/nowhere.json' } },
  'sources.merge': { open: (options) => sources.merge([{ resolver: core.staticResolver() }], options) },
  'sources.withSnapshot': {
    open: (options) => sources.withSnapshot(core.staticResolver(), options),
    base: { folder: '/nowhere' },
  },
  'connect.createFairleadTransport': {
    open: (options) => connect.createFairleadTransport(mesh, options),
    base: { service: 'users' },
  },
  'grpc.registerGrpc': { open: (options) => grpc.registerGrpc(mesh, options) },
  'etcd.etcdKv': { open: etcd.etcdKv },
  'etcd.etcdRegistrar': { open: etcd.etcdRegistrar },
  'etcd.etcdResolver': { open: etcd.etcdResolver },
  'gateway.createGateway': { open: (options) => gateway.createGateway(mesh, options) },
  'http.createDispatcher': { open: (options) => http.createDispatcher(mesh, options) },
  'http.RepeatLedger': { open: (options) => new http.RepeatLedger(options) },
  'http.createAgent': { open: (options) => http.createAgent(mesh, options), base: { service: 'users' } },
  'mysql.createPool': { open: (options) => mysql.createPool(mesh, options), base: { service: 'orders' } },
  'mysql.createDriver': { open: (options) => mysql.createDriver(mesh, options), base: { service: 'orders' } },
  'mysql.sessionMiddleware': { open: (options) => mysql.sessionMiddleware({ session: (run) => run() }, options) },
  'mysqlPromise.sessionMiddleware': {
    open: (options) => mysqlPromise.sessionMiddleware({ session: (run) => run() }, options),
  },
  'mysqlPromise.createPool': { open: (options) => mysqlPromise.createPool(mesh, options), base: { service: 'orders' } },
  'redis.ShardedRedis': {
    open: (options) => new redis.ShardedRedis(mesh, { lazyConnect: true, ...(options as object) } as never),
    base: { service: 'cache' },
  },
  'redis.ShardedRedis, given the whole': { open: (options) => new redis.ShardedRedis(mesh, options) },
  'redis.redisSessionStore': { open: (options) => redis.redisSessionStore({ eval: () => {} } as never, options) },
  'monitor.logMesh': { open: (options) => monitor.logMesh(mesh, console, options) },
  'monitor.monitorMesh': { open: (options) => monitor.monitorMesh(mesh, options) },
  'otel.fairleadMetricProducer': { open: (options) => otel.fairleadMetricProducer(mesh, options) },
  'prometheus.prometheusMetrics': { open: (options) => prometheus.prometheusMetrics(mesh, options) },
  'otel.instrumentMesh': { open: (options) => otel.instrumentMesh(mesh, options) },
  'otel.traceMesh': { open: (options) => otel.traceMesh(mesh, options as never) },
  'tcp.createConnection': {
    open: (options) => tcp.createConnection(impatient, options).catch((error) => error),
    base: { service: 'nowhere' },
  },
  'tcp.createUdpProxy': { open: (options) => tcp.createUdpProxy(mesh, options), base: { service: 'users' } },
  'tcp.createTcpProxy': { open: (options) => tcp.createTcpProxy(mesh, options), base: { service: 'users' } },
  'resilience.ClientThrottle': { open: (options) => new resilience.ClientThrottle(options, core.systemRandom()) },
};

/** Those that are given no options, but values of the program's own or of its callers. */
const WITHOUT =
  /^monitor\.(describedFigures|meshFigures)$|^admin\.applyPatch$|^core\.(FairleadError|addressOf|attemptsOf|classifyError|clientIpKey|cookieKey|definePolicy|endpointControl|firstKey|headerKey|isRefusal|sessionHash|systemRandom|withRoutingKey)$|^resilience\.|^config\.ConfigError$|^routing\.(canaryOf|currentLane|isShadow|laneOf|routingOf|withLane)$|^http\.http\w+$|\.outcomeOf$|^grpc\.set|^redis\.\w+Error$/;

function end(made: unknown): void {
  const thing = made as Record<string, ((...args: unknown[]) => unknown) | undefined> | null | undefined;
  const close = typeof made === 'function' ? made : (thing?.disconnect ?? thing?.end ?? thing?.close);
  try {
    (close?.call(made) as Promise<unknown> | undefined)?.catch?.(() => {});
  } catch {
    // Not everything that is made has an end.
  }
}

describe('no secret is in what options are refused by, nor in what is made of them', () => {
  it('the list of functions that take options is complete', () => {
    const all = Object.entries(doors).flatMap(([door, names]) =>
      Object.entries(names).flatMap(([name, value]) => (typeof value === 'function' ? [`${door}.${name}`] : [])),
    );
    expect(all.length).toBeGreaterThan(40);
    expect(all.filter((name) => !(name in OPTIONS) && !WITHOUT.test(name))).toEqual([]);
  });

  it.each(Object.entries(OPTIONS))('%s', async (_, { open, base, named }) => {
    expect(await leaksOf(open as (options: unknown) => unknown, { close: end, base, named })).toEqual([]);
  });

  it.each(['password', 'username', 'tls'])('a Redis client with a %s prints, and copies, none of it', (option) => {
    const value = option === 'tls' ? { passphrase: CANARY } : CANARY;
    const client = new redis.ShardedRedis(mesh, { service: 'cache', lazyConnect: true, [option]: value });
    if (option === 'username') return;
    for (const thing of [client, client.options, client.pipeline(), { client }]) {
      expect(printed(thing)).not.toContain(CANARY);
    }
    expect(client.options[option as 'password']).toBe(value);
    expect({ ...client.options }).not.toHaveProperty(option);
    const other = client.duplicate();
    expect(other.options[option as 'password']).toBe(value);
    for (const each of [client, other]) each.disconnect();
  });

  it('the canaries are seen where something does show them', async () => {
    const leaks = await leaksOf((options) => {
      throw new Error(`not ${JSON.stringify(options)}`);
    });
    expect(leaks.length).toBeGreaterThan(TEXTS.length);
    expect(printed(Object.assign(new Error('x'), { cause: new Error(CANARY) }))).toContain(CANARY);
  });
});
