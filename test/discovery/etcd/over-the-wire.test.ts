import { etcdKv, etcdRegistrar, etcdResolver } from 'fairlead/etcd';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ResolverSink } from '../../../src/discovery/resolver.js';
import { WireReader, WireWriter } from '../../../src/runtime/wire.js';
import { type Answer, EtcdServer, type SeenCall } from '../../support/etcd-server.js';
import { until } from '../../support/until.js';

const header = (revision: number): WireWriter => new WireWriter().varint(1, 1).varint(3, revision);
const entry = (key: string, value: string, revision: number): WireWriter =>
  new WireWriter().bytes(1, key).varint(3, revision).bytes(5, value);
const page = (revision: number, ...entries: WireWriter[]): Buffer => {
  const message = new WireWriter().message(1, header(revision));
  for (const each of entries) message.message(2, each);
  return message.finish();
};
const change = (revision: number, isGone: boolean, of: WireWriter): Buffer =>
  new WireWriter().message(1, header(revision)).message(11, new WireWriter().bool(1, isGone).message(2, of)).finish();

async function member(answer: (call: SeenCall) => Answer | undefined) {
  const server = await EtcdServer.start(answer);
  onTestFinished(() => server.stop());
  const context = { clock: new ManualClock(1_000), random: seededRandom(3) };
  const end = new AbortController();
  onTestFinished(() => end.abort());
  return { server, context, signal: end.signal, end: () => end.abort() };
}

describe('a value in etcd', () => {
  it('is told, then its changes and its end, each once, until nobody wants it', async () => {
    const first = page(5, entry('app/config', 'one', 5));
    const { server, context, signal, end } = await member(({ method }) => (method === 'KV/Range' ? first : undefined));
    const seen: unknown[] = [];
    const source = etcdKv({ address: server.address, prefix: 'app/', ...context });
    const sink = { value: (...all: unknown[]) => seen.push(all), error: (error: Error) => seen.push(error) };
    source.watch('config', sink, signal);
    await until(() => server.streams.length === 1);
    expect(server.seen[0]!.request.toString('latin1')).toBe('\n\x0aapp/config\x18\xd0\x0f');
    server.streams[0]!.write(change(6, false, entry('app/config', 'two', 6)));
    server.streams[0]!.write(change(7, false, entry('app/config', 'two', 7)));
    server.streams[0]!.write(change(8, true, entry('app/config', '', 8)));
    await until(() => seen.length === 3);
    expect(seen).toEqual([
      ['one', '5'],
      ['two', '6'],
      [undefined, undefined],
    ]);
    end();
    await until(() => server.streams[0]!.cancelled);
  });

  it('is told to be none where there is none, and nothing is asked for those who left before', async () => {
    const { server, context, signal } = await member(({ method }) => (method === 'KV/Range' ? page(5) : undefined));
    const seen: unknown[] = [];
    const sink = { value: (...all: unknown[]) => seen.push(all), error: (error: Error) => seen.push(error) };
    const source = etcdKv({ address: server.address, ...context });
    source.watch('other', sink, AbortSignal.abort());
    source.watch('config', sink, signal);
    await until(() => server.streams.length === 1);
    expect(seen).toEqual([[undefined, undefined]]);
    expect(server.methods).toEqual(['KV/Range', 'Watch/Watch']);
    expect(source.name).toBe('etcd kv');
  });

  it('has its errors told', async () => {
    const no = { code: 7, details: 'etcdserver: permission denied' };
    const { server, context, signal } = await member(() => no);
    const errors: string[] = [];
    const sink = { value: () => {}, error: ({ message }: Error) => errors.push(message) };
    etcdKv({ address: server.address, ...context }).watch('config', sink, signal);
    await until(() => errors.length > 0);
    expect(errors[0]).toContain('permission denied. No `user` was given.');
  });
});

describe('a service in etcd', () => {
  it('is listed by one watch for all who ask for the same, and closed with the resolver', async () => {
    const list = page(5, entry('users/a', '{"Op":0,"Addr":"10.0.0.1:80"}', 5));
    const { server, context, signal } = await member(({ method }) => (method === 'KV/Range' ? list : undefined));
    const resolver = etcdResolver({ address: server.address, ...context });
    const lists: string[] = [];
    const errors: Error[] = [];
    const sink: ResolverSink = {
      snapshot: (specs) => void lists.push(specs.map(({ id, host, port }) => `${id}=${host}:${port}`).join()),
      error: (error) => void errors.push(error),
    };
    for (let i = 0; i < 3; i++) resolver.watch({ service: 'users', params: {} }, { ...sink }, signal);
    await until(() => lists.length === 3 && server.streams.length === 1);
    expect(lists).toEqual(Array(3).fill('a=10.0.0.1:80'));
    expect(server.methods).toEqual(['KV/Range', 'Watch/Watch']);
    resolver.close?.();
    expect(errors.map(({ message }) => message)).toContain("The etcd resolver is closed: 'users' is not watched.");
    await until(() => server.streams[0]!.cancelled);
    resolver.watch({ service: 'orders', params: {} }, sink, signal);
    expect(errors.at(-1)!.message).toBe("The etcd resolver is closed: 'orders' is not watched.");
  });

  it('is refused by name and value where its own options are wrong', () => {
    const resolver = etcdResolver({ address: '127.0.0.1:1' });
    onTestFinished(() => resolver.close?.());
    const check = (params: object): void => resolver.check!({ service: 'users', params: params as never });
    expect(() => check({ name: 'users.rpc', layout: 'go-zero' })).not.toThrow();
    expect(() => check({ layout: 'zookeeper' })).toThrow(/service 'users': discovery\.layout is "zookeeper"/);
    expect(() => check({ scheme: 'http' })).toThrow(/discovery\.scheme is "http": allowed is none with etcd-naming/);
    const errors: Error[] = [];
    const sink = { snapshot: () => {}, error: (error: Error) => void errors.push(error) };
    resolver.watch({ service: 'users', params: { layout: 'zookeeper' } as never }, sink, new AbortController().signal);
    expect(errors.join()).toContain('zookeeper');
  });

  it('is looked for under the prefix of the resolver, unless its layout is another', async () => {
    const { server, context, signal } = await member(({ method }) => (method === 'KV/Range' ? page(5) : undefined));
    const resolver = etcdResolver({ address: server.address, layout: 'kratos', prefix: '/mine/', ...context });
    onTestFinished(() => resolver.close?.());
    const sink = { snapshot: () => {}, error: () => {} };
    const ask = (params: object): void =>
      resolver.watch({ service: 'users', params: params as never }, sink, signal, context);
    ask({});
    ask({ layout: 'kratos' });
    ask({ prefix: '/theirs/' });
    ask({ layout: 'go-zero' });
    await until(() => server.streams.length === 3);
    const keys = server.seen.filter(({ method }) => method === 'KV/Range').map(({ request }) => keyOf(request));
    expect(keys.sort()).toEqual(['/mine/users/', '/theirs/users/', 'users/']);
  });
});

describe('an instance in etcd', () => {
  it('is put under a lease, kept alive, and gone with the registrar', async () => {
    const lease = new WireWriter().varint(2, 77).varint(3, 6).finish();
    const { server, context } = await member(({ method }) => (method.startsWith('Lease') ? lease : page(5)));
    const registrar = etcdRegistrar({ address: server.address, ttlMs: 6_000, ...context });
    await registrar.register({ service: 'users', id: 'a', host: '10.0.0.1', port: 80, weight: 3 });
    expect(server.methods).toEqual(['Lease/LeaseGrant', 'KV/Put']);
    expect(server.seen[0]!.request.toString('hex')).toBe('0806');
    expect(keyOf(server.seen[1]!.request)).toBe('users/a');
    expect(server.seen[1]!.request.toString('utf8')).toContain('"Addr":"10.0.0.1:80"');
    await context.clock.advanceAsync(2_000);
    await until(() => server.methods.includes('Lease/LeaseKeepAlive'));
    await registrar.close();
    expect(server.methods.at(-1)).toBe('Lease/LeaseRevoke');
  });

  it('is refused where its layout cannot be written', () => {
    const layout = { keyFor: () => 'x', read: () => undefined };
    expect(() => etcdRegistrar({ layout })).toThrow(/etcdRegistrar\.layout is .*: allowed is one with a function/);
  });
});

function keyOf(request: Buffer): string {
  const reader = new WireReader(request);
  while (reader.next()) if (reader.field === 1) return reader.string();
  return '';
}
