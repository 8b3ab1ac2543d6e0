import { createMesh, type ValueSource } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import { consulKv } from 'fairlead/consul';
import { etcdKv } from 'fairlead/etcd';
import { describe, expect, it } from 'vitest';
import { startConsul, startEtcd, until } from '../harness/index.js';

const KEY = 'fairlead/config';

interface Kv extends AsyncDisposable {
  source(): ValueSource;
  put(text: string): Promise<void>;
  delete(): Promise<void>;
  /** The store's own number of the latest change of the key. */
  revision(): Promise<string>;
  kill(): Promise<unknown>;
  restart(): Promise<unknown>;
}

async function consul(): Promise<Kv> {
  const server = await startConsul({ persist: true });
  const url = `http://${server.address}/v1/kv/${KEY}`;
  const ask = async (method: string, body?: string): Promise<Response> => {
    const response = await fetch(url, { method, ...(body !== undefined && { body }) });
    expect(response.status).toBe(200);
    return response;
  };
  return {
    source: () => consulKv({ address: server.address, waitMs: 2_000 }),
    put: async (text) => void (await ask('PUT', text)),
    delete: async () => void (await ask('DELETE')),
    revision: async () => String(((await (await ask('GET')).json()) as { ModifyIndex: number }[])[0]!.ModifyIndex),
    kill: () => server.kill(),
    restart: () => server.restart(),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

async function etcd(): Promise<Kv> {
  const server = await startEtcd();
  return {
    source: () => etcdKv({ address: server.address, progressMs: 500 }),
    put: (text) => server.put(KEY, text),
    delete: () => server.delete(KEY),
    revision: async () => {
      const { kvs } = await server.api<{ kvs: { mod_revision: string }[] }>('/v3/kv/range', {
        key: Buffer.from(KEY).toString('base64'),
      });
      return kvs[0]!.mod_revision;
    },
    kill: () => server.kill(),
    restart: () => server.restart(),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

const document = (waitForReadyMs: number): string => JSON.stringify({ services: { users: { waitForReadyMs } } });

function follow(kv: Kv) {
  const mesh = createMesh();
  const config = createConfigStore(mesh, { source: kv.source(), key: KEY, compare: false });
  const refused: string[] = [];
  config.on('refused', ({ error }) => refused.push(error.message));
  const inForce = (): unknown => config.current?.document.services?.users?.waitForReadyMs;
  return { mesh, config, refused, inForce };
}

describe.each([
  ['Consul KV', consul],
  ['etcd', etcd],
])('a configuration in %s', (_, start) => {
  it('is the same version in every process, and outlives its server, its key and nonsense', {
    timeout: 60_000,
  }, async () => {
    await using kv = await start();
    await kv.put(document(1));
    const both = [follow(kv), follow(kv)];
    const all = (value: unknown) =>
      until(`${value} is in force`, () => both.every(({ inForce }) => inForce() === value));
    const [one, other] = both as [ReturnType<typeof follow>, ReturnType<typeof follow>];
    try {
      await all(1);
      await kv.put(document(2));
      await all(2);
      const revision = await kv.revision();
      for (const { config } of both) {
        expect(config.current).toMatchObject({ number: 2, revision, hash: one.config.current!.hash });
        expect(config.current!.changes.map(({ path }) => path)).toEqual(['services.users.waitForReadyMs']);
      }
      await kv.put('{"services":{"users":{"policy":"fastest"}}}');
      await until('nonsense is refused', () =>
        both.every(({ refused }) => refused.some((each) => /fastest/.test(each))),
      );
      await all(2);
      await kv.kill();
      await until('the outage is told', () => both.every(({ refused }) => refused.length > 1));
      // What a hand applies meanwhile stays until the key says something new.
      await one.config.apply(document(9));
      await kv.restart();
      await kv.put(document(3));
      await all(3);
      expect(one.config.current!.revision).toBe(await kv.revision());
      await kv.delete();
      await until('the loss is told', () =>
        both.every(({ refused }) => refused.some((each) => /no document/.test(each))),
      );
      await all(3);
      await other.config.rollback(1);
      expect(other.inForce()).toBe(2 - 1);
    } finally {
      await Promise.all(both.map(({ mesh }) => mesh.close()));
    }
  });
});
