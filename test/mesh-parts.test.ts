import { createMesh, type FairleadError, Outcome, staticResolver } from 'fairlead';
import type { MeshPart } from 'fairlead/adapter';
import { createFairleadTransport } from 'fairlead/connect';
import { registerGrpc } from 'fairlead/grpc';
import { createPool } from 'fairlead/mysql';
import { instrumentMesh } from 'fairlead/otel';
import { ShardedRedis } from 'fairlead/redis';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from './support/mesh.js';

/** A part that writes down what is asked of it. */
function part(log: string[], name: string, more: Partial<MeshPart> = {}): MeshPart {
  return {
    kind: 'test',
    name,
    drain: async (deadlineMs) => void log.push(`${name} drains within ${deadlineMs}`),
    close: () => void log.push(`${name} closes`),
    ...more,
  };
}

describe('what adapters make over a mesh', () => {
  it('is known to it until it ends', () => {
    const { mesh } = testMesh({});
    const one = part([], 'one', { figures: () => ({ connections: 3 }) });
    const unregister = mesh.register(one);
    mesh.register(part([], 'two'));
    expect([...mesh.parts].map(({ name, figures }) => [name, figures?.()])).toEqual([
      ['one', { connections: 3 }],
      ['two', undefined],
    ]);
    unregister();
    unregister();
    expect([...mesh.parts].map(({ name }) => name)).toEqual(['two']);
  });

  it('is drained with the services and closed after them', async () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const log: string[] = [];
    const lease = mesh.service('users').acquire();
    mesh.register(part(log, 'one'));
    mesh.register(part(log, 'gone'))();
    mesh.register({ kind: 'test', name: 'stays' });
    const closed = mesh.close({ deadlineMs: 500 });
    await Promise.resolve();
    expect(log).toEqual(['one drains within 500']);
    lease.done(Outcome.Success);
    await closed;
    expect(log).toEqual(['one drains within 500', 'one closes']);
  });

  it('keeps nothing from closing by failing to, and is none of a mesh that is closed', async () => {
    const { mesh } = testMesh({});
    const log: string[] = [];
    const warned: string[] = [];
    const warn = (warning: Error): void => void warned.push(warning.message);
    process.on('warning', warn);
    const fails = (): never => {
      throw new Error('stuck');
    };
    mesh.register(part(log, 'bad', { drain: () => Promise.reject(new Error('no')), close: fails }));
    mesh.register(part(log, 'good'));
    await mesh.close();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', warn);
    expect(log.at(-1)).toBe('good closes');
    expect(warned).toEqual(["The test part 'bad' failed to end: no", "The test part 'bad' failed to end: stuck"]);
    expect(() => mesh.register(part([], 'late'))).toThrow(
      expect.objectContaining({ code: 'FAIRLEAD_CLOSED' } satisfies Partial<FairleadError>),
    );
  });
});

describe('every adapter', () => {
  const meterProvider = {
    getMeter: () => new Proxy({}, { get: () => () => ({ addCallback() {}, add() {}, record() {} }) }),
  };

  it('registers what it makes, and takes it out at its end', async () => {
    const mesh = createMesh({ resolver: staticResolver({ users: [] }) });
    const registration = registerGrpc(mesh, { scheme: 'parts' });
    const transport = createFairleadTransport(mesh, { service: 'users' });
    const pool = createPool(mesh, { service: 'users', user: 'app' });
    const redis = new ShardedRedis(mesh, { service: 'users', lazyConnect: true });
    const stop = instrumentMesh(mesh, { meterProvider: meterProvider as never });
    expect([...mesh.parts].map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'grpc parts',
      'connect users',
      'mysql users',
      'redis users',
      'otel metrics',
    ]);
    for (const { figures } of mesh.parts) for (const each of Object.values(figures?.() ?? {})) expect(each).toBe(0);
    registration.close();
    transport.close();
    await new Promise((resolve) => pool.end(resolve));
    redis.disconnect();
    stop();
    expect(mesh.parts.size).toBe(0);
    await mesh.close();
  });

  it('frees with its mesh what would keep the next one from using it', async () => {
    const scheme = 'parts-again';
    const first = createMesh({ resolver: staticResolver({}) });
    registerGrpc(first, { scheme });
    const second = createMesh({ resolver: staticResolver({}) });
    expect(() => registerGrpc(second, { scheme })).toThrow(/registered already/);
    await first.close();
    registerGrpc(second, { scheme });
    await second.close();
  });
});
