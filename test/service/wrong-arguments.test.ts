import {
  affinityTokens,
  closeOnSignals,
  createMesh,
  FairleadError,
  firstKey,
  staticResolver,
  withRoutingKey,
} from 'fairlead';
import { createAdmin } from 'fairlead/admin';
import { createConfigStore } from 'fairlead/config';
import { createFairleadTransport } from 'fairlead/connect';
import { createGateway } from 'fairlead/gateway';
import { registerGrpc } from 'fairlead/grpc';
import { createAgent, createDispatcher } from 'fairlead/http';
import { logMesh, meshFigures, monitorMesh } from 'fairlead/monitor';
import * as mysql from 'fairlead/mysql';
import * as promised from 'fairlead/mysql/promise';
import { fairleadMetricProducer, instrumentMesh, traceMesh } from 'fairlead/otel';
import { prometheusMetrics } from 'fairlead/prometheus';
import { ShardedRedis } from 'fairlead/redis';
import { Gate } from 'fairlead/resilience';
import { createConnection, createTcpProxy, createUdpProxy } from 'fairlead/tcp';
import { describe, expect, it } from 'vitest';

type Takes = (mesh: never, options: never) => unknown;

const TAKE_A_MESH: Record<string, Takes> = {
  createAdmin,
  createAgent,
  createConfigStore,
  createConnection,
  createDispatcher,
  createDriver: mysql.createDriver,
  createFairleadTransport,
  createGateway,
  createPool: mysql.createPool,
  'createPool of promises': promised.createPool,
  createTcpProxy,
  createUdpProxy,
  fairleadMetricProducer,
  instrumentMesh,
  logMesh,
  meshFigures,
  monitorMesh,
  prometheusMetrics,
  registerGrpc,
  ShardedRedis: (mesh, options) => new ShardedRedis(mesh, options),
  traceMesh,
};

const refusal = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION', message: expect.stringMatching(message) as string });

describe('what is no mesh', () => {
  it.each(Object.entries(TAKE_A_MESH))('is refused by %s, which says where a mesh belongs', (name, take) => {
    for (const wrong of [undefined, null, {}, { service: 'users' }, 'users']) {
      expect(() => take(wrong as never, { service: 'users' } as never)).toThrow(
        refusal(new RegExp(`^${name.split(' ')[0]}: its first argument is .*: allowed is a mesh of createMesh`)),
      );
    }
  });

  it('is refused when signals are to close it, and not at the signal', () => {
    const before = process.listenerCount('SIGTERM');
    for (const wrong of [undefined, { deadlineMs: 1 }]) {
      expect(() => closeOnSignals(wrong as never)).toThrow(refusal(/^closeOnSignals: its first argument/));
    }
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });
});

describe('a signal', () => {
  it('that no system has, or no process hears of, is refused, as it would never come', () => {
    const mesh = createMesh();
    for (const signal of ['SIGTREM', 'SIGKILL', 'SIGSTOP']) {
      expect(() => closeOnSignals(mesh, { signals: [signal as never] })).toThrow(refusal(/closeOnSignals\.signals/));
    }
    expect(() => closeOnSignals(mesh, null as never)).toThrow(FairleadError);
  });

  it('to wait for a service by that is none is refused, and nothing waits on', async () => {
    const mesh = createMesh({ resolver: staticResolver({ users: [], pages: ['127.0.0.1:1'] }) });
    for (const name of ['users', 'pages']) {
      for (const wrong of [5, {}, { timeoutMs: 5 }]) {
        await expect(mesh.service(name).ready(wrong as never)).rejects.toEqual(
          refusal(/^ready\.signal is .*AbortSignal/),
        );
      }
    }
    await mesh.close();
  });
});

describe('the lists of staticResolver', () => {
  it('are refused where they are none', () => {
    expect(() => staticResolver().update('users', '127.0.0.1:1' as never)).toThrow(
      refusal(/staticResolver\.update\('users'\) is .*: allowed is an array/),
    );
  });
});

describe('what a program in plain JavaScript says by mistake', () => {
  const mesh = createMesh({ resolver: staticResolver({ pages: ['127.0.0.1:1', '127.0.0.1:2'] }) });
  const service = mesh.service('pages');
  const views = { service, 'its subset': service.subset({ usable: () => true }) };

  it.each(Object.entries(views))('is refused by acquire() and explain() of %s, and begins no call', (_name, view) => {
    const wrong: [unknown, RegExp][] = [
      ['user:7', /^acquire is "user:7": allowed is an object with key, prefer, /],
      [null, /^acquire is null/],
      [{ kye: 'user:7' }, /^acquire\.kye is not an option: there are key, prefer, labels, tried, part, beside\.$/],
      [{ key: 7 }, /^key is 7: allowed is a string/],
      [{ prefer: service.endpoints[0] }, /^acquire\.prefer is an object: allowed is the id of an endpoint/],
      [{ labels: { version: '2' } }, /^acquire\.labels is an object: allowed is a function/],
      [{ tried: service.endpoints[0] }, /^acquire\.tried is an object: allowed is an array/],
    ];
    for (const [request, message] of wrong) {
      expect(() => view.acquire(request as never)).toThrow(refusal(message));
      expect(() => view.explain(request as never)).toThrow(refusal(message));
    }
    expect(service.endpoints.map(({ inflight }) => inflight)).toEqual([0, 0]);
  });

  it('is refused at the end of a lease, which is over all the same', () => {
    for (const wrong of [undefined, 'success', -1, 7]) {
      const lease = service.acquire();
      expect(() => lease.done(wrong as never)).toThrow(refusal(/^done is .*: allowed is an Outcome/));
      expect(lease.endpoint.inflight).toBe(0);
    }
  });

  it('is refused by on(), which would never hear of it', () => {
    expect(() => service.on('eject' as never, () => {})).toThrow(
      refusal(/^event is "eject": allowed is one of endpoints, /),
    );
    expect(() => monitorMesh(mesh).on('alerts' as never, () => {})).toThrow(
      refusal(/^event is "alerts": .* alert, error/),
    );
  });

  it('is refused by unbind(), by keys and by tokens', async () => {
    expect(() => withRoutingKey('user:7', undefined as never)).toThrow(refusal(/^withRoutingKey is undefined/));
    await expect(mesh.service('carts', { affinity: true }).unbind(7 as never)).rejects.toEqual(refusal(/^key is 7/));
    expect(() => firstKey('session' as never)).toThrow(refusal(/^firstKey is "session"/));
    const tokens = affinityTokens({ keys: [{ id: 'a', secret: 'x'.repeat(32) }], audience: 'pages' });
    expect(() => tokens.issue('127.0.0.1:1' as never)).toThrow(
      refusal(/^issue is "127\.0\.0\.1:1": allowed is an endpoint/),
    );
  });

  it('is refused as options of a service by what it is, not by its first letter', () => {
    for (const wrong of ['round_robin', 7, () => {}]) {
      const message = /^service 'b' is .*: allowed is an object of options/;
      expect(() => mesh.service('b', wrong as never)).toThrow(refusal(message));
    }
  });
});

describe('a port', () => {
  it('that is none is refused: Node takes a text for the path of a socket', async () => {
    const mesh = createMesh({ resolver: staticResolver({ pages: ['127.0.0.1:1'] }) });
    const gateway = createGateway(mesh, { routes: [{ service: 'pages' }] });
    const udp = createUdpProxy(mesh, { service: 'pages' });
    const listens: ((port: never) => Promise<unknown>)[] = [
      (port) => createAdmin(mesh).listen(port),
      (port) => gateway.listen(port),
      (port) => udp.listen({ port }),
      (port) => createTcpProxy(mesh, { service: 'pages' }).listen({ port }),
    ];
    for (const listen of listens) {
      for (const wrong of ['socket', -1, 65_536, 1.5]) {
        await expect(listen(wrong as never)).rejects.toEqual(
          refusal(/^listen\.port is .* whole number from 0 to 65535/),
        );
      }
    }
    await expect(udp.listen({} as never)).rejects.toEqual(refusal(/^listen\.port is undefined/));
    await udp.listen({ port: 0, host: '127.0.0.1' });
    await mesh.close();
  });
});

describe('a token of the page', () => {
  it('that is too short is refused by its length, and not shown', () => {
    expect(() => createAdmin(createMesh(), { token: 'hunter2' })).toThrow(
      refusal(/^createAdmin\.token is a text of 7 characters \(value not shown\): allowed is a text of 16/),
    );
  });
});

describe('a pool of MySQL', () => {
  it('is asked for what it can do, or says so at once', async () => {
    const mesh = createMesh({ resolver: staticResolver({ mysql: [] }) });
    const pool = promised.createPool(mesh, { service: 'mysql', user: 'app' });
    const calls = mysql.createPool(mesh, { service: 'mysql', user: 'app' });
    const none = undefined as never;
    expect(() => pool.session(none)).toThrow(refusal(/^session is undefined: allowed is a function/));
    expect(() => pool.withRoute('primary', none)).toThrow(refusal(/^withRoute is undefined: allowed is a function/));
    expect(() => pool.withConsistency('strong', none)).toThrow(refusal(/^withConsistency is undefined/));
    expect(() => pool.withConsistency('weak' as never, () => 1)).toThrow(
      refusal(/^withConsistency is "weak": allowed is one of eventual, session, strong/),
    );
    await expect(pool.transaction(none)).rejects.toEqual(refusal(/^transaction is undefined: allowed is a function/));
    expect(() => pool.route(5 as never)).toThrow(refusal(/^route is 5: allowed is the text of a statement/));
    expect(() => calls.getConnection(none)).toThrow(refusal(/^getConnection is undefined: allowed is a callback/));
    expect(() => mysql.sessionMiddleware(pool, {} as never)).toThrow(
      refusal(/^sessionMiddleware\.secret is undefined: allowed is text or bytes, 32 bytes or more/),
    );
    await mesh.close();
  });
});

describe('a ShardedRedis', () => {
  it('is asked about keys', async () => {
    const mesh = createMesh({ resolver: staticResolver({ cache: [] }) });
    const redis = new ShardedRedis(mesh, { service: 'cache', lazyConnect: true });
    expect(() => redis.shardFor(undefined as never)).toThrow(refusal(/^shardFor is undefined: allowed is a key/));
    expect(() => redis.explain(5 as never)).toThrow(refusal(/^explain is 5: allowed is a key/));
    redis.disconnect();
    await mesh.close();
  });
});

describe('a gate by itself', () => {
  it('has no parts but those that limit something', () => {
    expect(() => new Gate({ maxInFlight: 5 } as never)).toThrow(
      refusal(/^gate\.maxInFlight is not an option: there are/),
    );
  });
});
