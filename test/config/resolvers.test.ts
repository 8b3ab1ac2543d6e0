import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Resolver, staticResolver } from 'fairlead';
import { type ConfigStoreOptions, createConfigStore } from 'fairlead/config';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function setUp(options?: ConfigStoreOptions) {
  const made = testMesh({ users: endpoints(1) });
  return { ...made, config: createConfigStore(made.mesh, { compare: false, ...options }) };
}

const reference = (name: string): string => `\${env:${name}}`;

/** A resolver of the program's that counts what is made and closed of it. */
function counted() {
  const counts = { made: 0, closed: 0 };
  const mine = (): Resolver => {
    counts.made++;
    const resolver = staticResolver({ users: ['127.0.0.1:7001'] });
    return { name: 'mine', watch: resolver.watch.bind(resolver), close: () => void counts.closed++ };
  };
  return { counts, resolvers: { mine } };
}

describe('the resolver of a document', () => {
  it('is refused for each option that is wrong, by line and column, before anything is made', async () => {
    const { config } = setUp();
    const text = `resolver:
  fallback:
    patienceMs: -1
    sources:
      - resolver:
          consul: { adress: 127.0.0.1:8500, waitMs: 5 }
      - resolver: { etcd: { address: [127.0.0.1:2379], layout: go_zero } }
      - resolver: { dns: { servers: [ns.example.com], port: 0 } }
      - resolver: { snapshot: { resolver: { file: {} } } }
      - resolver: fille
`;
    const thrown = await config.apply(text).catch((error: unknown) => error);
    const { problems } = thrown as { problems: { line: number; path: string; message: string; nearest?: string }[] };
    expect(problems.map(({ line, path, nearest }) => [line, path, nearest])).toEqual([
      [3, 'resolver.fallback.patienceMs', undefined],
      [6, 'resolver.fallback.sources[0].resolver.consul.adress', 'address'],
      [6, 'resolver.fallback.sources[0].resolver.consul.waitMs', undefined],
      [7, 'resolver.fallback.sources[1].resolver.etcd.layout', 'go-zero'],
      [8, 'resolver.fallback.sources[2].resolver.dns.servers[0]', undefined],
      [8, 'resolver.fallback.sources[2].resolver.dns.port', undefined],
      [9, 'resolver.fallback.sources[3].resolver.snapshot.folder', undefined],
      [9, 'resolver.fallback.sources[3].resolver.snapshot.resolver.file.path', undefined],
      [10, 'resolver.fallback.sources[4].resolver', 'file'],
    ]);
  });

  it.each<[string, unknown, RegExp]>([
    ['a name that needs options', 'file', /resolver\.file\.path is undefined/],
    ['no source', { merge: { sources: [] } }, /at least one source/],
    [
      'two sources of one name',
      { merge: { sources: [{ resolver: 'consul' }, { resolver: 'consul' }] } },
      /no other source/,
    ],
    [
      'the same through a snapshot',
      { merge: { sources: [{ resolver: 'dns' }, { resolver: { snapshot: { folder: '/tmp/x', resolver: 'dns' } } }] } },
      /no other source/,
    ],
    ['a token that is written out', { consul: { token: 'hunter2' } }, /write it as \$\{env:NAME\}/],
    ['an address with a password', { consul: { address: 'http://a:hunter2@b' } }, /not shown/],
    ['an address that is none', { consul: { address: 'ftp://b' } }, /host:port/],
    ['a password alone', { etcd: { password: reference('PASSWORD') } }, /means nothing without/],
    ['TLS against the address', { etcd: { address: 'http://a:1', tls: { verify: false } } }, /http:\/\/ addresses/],
    ['a clock', { dns: { clock: {} } }, /by a program only/],
    ['variables', { consul: { env: {} } }, /by a program only/],
  ])('is refused with %s', async (_, resolver, message) => {
    const { config } = setUp({ env: { PASSWORD: 'hunter2' } });
    const thrown = (await config.apply({ resolver } as never).catch((error: unknown) => error)) as Error;
    expect(thrown.message).toMatch(message);
    expect(thrown.message).not.toContain('hunter2');
  });

  it('is composed of others: the first of use serves, then the next; what is not asked for is kept', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fairlead-config-'));
    try {
      const { mesh, config, clock } = setUp();
      const first = { name: 'first', resolver: { static: { users: ['127.0.0.1:5001'] } } };
      const second = {
        name: 'second',
        resolver: { static: { users: ['127.0.0.1:5002'], orders: ['127.0.0.1:6001'] } },
      };
      const resolver = { snapshot: { folder, resolver: { fallback: { patienceMs: 100, sources: [first, second] } } } };
      await config.apply({ resolver, services: { users: {} } });
      const ids = (name: string): string =>
        mesh
          .service(name)
          .endpoints.map(({ spec }) => spec.id)
          .join();
      expect(ids('users')).toBe('127.0.0.1:5001');
      expect(ids('orders')).toBe('');
      clock.advance(100);
      expect(ids('orders')).toBe('127.0.0.1:6001');
      await mesh.close();
      const files = await Promise.all((await readdir(folder)).map((file) => readFile(join(folder, file), 'utf8')));
      expect(files.join()).toContain('6001');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('makes one of two that say the same, and closes it with the next document', async () => {
    const { counts, resolvers } = counted();
    const { config, mesh } = setUp({ resolvers });
    const sources = [
      { name: 'here', resolver: { mine: { at: 'x' } } },
      { name: 'there', resolver: { mine: { at: 'x' } } },
    ];
    await config.apply({ resolver: { fallback: { sources } }, services: { users: {} } });
    expect(counts).toEqual({ made: 1, closed: 0 });
    expect(mesh.service('users').endpoints.map(({ spec }) => spec.port)).toEqual([7_001]);
    await config.apply({ resolver: { static: { users: ['127.0.0.1:5001'] } }, services: { users: {} } });
    expect(counts).toEqual({ made: 1, closed: 1 });
  });

  it('closes what was made where another part of it cannot be', async () => {
    const { counts, resolvers } = counted();
    const refusing = (): Resolver => {
      throw new Error('no such registry');
    };
    const { config } = setUp({ resolvers: { ...resolvers, refusing } });
    const sources = [{ resolver: 'mine' }, { resolver: 'refusing' }];
    await expect(config.apply({ resolver: { merge: { sources } } })).rejects.toThrow('no such registry');
    expect(counts).toEqual({ made: 1, closed: 1 });
  });
});
