import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readEndpoint } from '../../../src/discovery/endpoint-input.js';
import { type EtcdLayoutName, layoutOf } from '../../../src/discovery/etcd/layouts/index.js';

const of = (layout: EtcdLayoutName, prefix?: string, scheme?: string) => layoutOf('test', { layout, prefix, scheme });
const NAMES: readonly EtcdLayoutName[] = ['etcd-naming', 'go-zero', 'kratos', 'kitex', 'skydns', 'instance-json'];

/** What Go programs write, by the files named in docs/etcd.md. */
const WRITTEN: readonly [EtcdLayoutName, service: string, key: string, value: string, expected: object][] = [
  ['etcd-naming', 'users', 'users/x', '{"Op":0,"Addr":"10.0.0.1:80","Metadata":null}', { host: '10.0.0.1', port: 80 }],
  ['etcd-naming', 'users', 'users/x', '{"Op":0,"Addr":"[::1]:80","Metadata":"theirs"}', { host: '::1', port: 80 }],
  ['go-zero', 'user.rpc', 'user.rpc/7587870', '10.0.0.1:8080', { host: '10.0.0.1', port: 8_080, weight: 1 }],
  [
    ...(['kratos', 'users', '/microservices/users/u1'] as const),
    '{"id":"u1","name":"users","version":"v1","metadata":{"zone":"z1","k":"v"},' +
      '"endpoints":["http://10.0.0.1:8000?isSecure=false","grpc://10.0.0.1:9000?isSecure=false"]}',
    { host: '10.0.0.1', port: 9_000, zone: 'z1', meta: { k: 'v' } },
  ],
  [
    ...(['kitex', 'users', 'kitex/registry-etcd/users/10.0.0.1:80'] as const),
    '{"network":"tcp","address":"10.0.0.1:80","weight":0,"tags":{"k":"v"}}',
    { port: 80, weight: 10, meta: { k: 'v' } },
  ],
  [
    ...(['skydns', 'users.prod.local', '/skydns/local/prod/users/x1'] as const),
    '{"host":"10.0.0.1","port":80,"priority":10,"weight":20,"ttl":30}',
    { host: '10.0.0.1', port: 80, priority: 10, weight: 20 },
  ],
  [
    ...(['instance-json', 'users', 'services/users/u1'] as const),
    '{"ID":"u1","Address":"10.0.0.1:80","Weight":3,"Active":false}',
    { port: 80, weight: 3, healthy: false },
  ],
];

describe('the layout', () => {
  it.each(WRITTEN)('%s reads what its own programs write', (name, service, key, value, expected) => {
    const layout = of(name);
    const prefix = layout.keyFor(service, '');
    expect(key.startsWith(prefix)).toBe(true);
    const input = layout.read(value, key.slice(prefix.length), service);
    expect(readEndpoint(input!, 'it')).toMatchObject(expected);
  });

  it.each(NAMES)('%s reads what it writes', (name) => {
    fc.assert(
      fc.property(
        fc.constantFrom('10.0.0.1', '::1', 'host.example'),
        fc.integer({ min: 1, max: 65_535 }),
        fc.integer({ min: 1, max: 65_535 }),
        fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.string()),
        (host, port, weight, meta) => {
          const own = Object.fromEntries(Object.entries(meta).filter(([key]) => !/zone|tags|weight|healthy/.test(key)));
          const written = { service: 'users', id: 'u1', host, port, weight, zone: 'z', tags: ['t'], meta: own };
          const layout = of(name);
          const read = layout.read(layout.write!({ ...written, healthy: true }), 'u1', 'users');
          expect(readEndpoint(read!, 'it')).toMatchObject({ host, port });
          if (name !== 'go-zero') expect(read).toMatchObject({ weight });
          if (name !== 'go-zero' && name !== 'skydns') expect(read).toMatchObject({ zone: 'z', meta: own });
          const sick = layout.read(layout.write!({ ...written, healthy: false }), 'u1', 'users');
          if (name !== 'go-zero' && name !== 'skydns') expect(sick).toMatchObject({ healthy: false });
        },
      ),
    );
  });

  it.each(NAMES)('%s refuses or passes over a value that means nothing, whatever it is', (name) => {
    const layout = of(name);
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (value) => {
        try {
          const read = layout.read(value, 'id', 'users');
          if (read !== undefined) readEndpoint(read, 'it');
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });

  it('takes another prefix and scheme, and refuses those where they mean nothing', () => {
    expect(of('kratos', '/mine/').keyFor('users', 'u')).toBe('/mine/users/u');
    const urls = '{"endpoints":["http://10.0.0.1:8000","grpc://10.0.0.1:9000"]}';
    expect(of('kratos', undefined, 'http').read(urls, 'u', 'users')).toMatchObject({ port: 8_000 });
    expect(of('kratos', undefined, 'ws').read(urls, 'u', 'users')).toBeUndefined();
    expect(() => of('kitex', undefined, 'http')).toThrow(/test\.scheme is "http": allowed is none with kitex/);
    const own = { keyFor: () => '', read: () => undefined };
    expect(() => layoutOf('test', { layout: own, prefix: 'x', scheme: undefined })).toThrow(/a layout of your own/);
  });
});
