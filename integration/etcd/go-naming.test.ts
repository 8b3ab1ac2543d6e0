import { readFileSync } from 'node:fs';
import { etcdRegistrar } from 'fairlead/etcd';
import { describe, expect, it } from 'vitest';
import { type EtcdVersion, startEtcd } from '../harness/index.js';
import { clientOf } from './world.js';

interface Entry {
  readonly key: string;
  readonly value: string;
}

/** What main.go beside it wrote and read; see there. */
const recorded = JSON.parse(readFileSync(new URL('go-naming/recorded.json', import.meta.url), 'utf8')) as {
  readonly goWrote: readonly Entry[];
  readonly weWrote: readonly Entry[];
  readonly goListed: Readonly<Record<string, { readonly Addr: string; readonly Metadata: unknown }>>;
  readonly grpcGoConnectsTo: readonly string[];
};

describe.each<EtcdVersion>(['3.4', '3.5'])('a Go program and fairlead at etcd %s', (version) => {
  it('find each other: what Go registered is listed, with what of its metadata we know', async () => {
    await using etcd = await startEtcd({ version });
    for (const { key, value } of recorded.goWrote) await etcd.put(key, value);
    const { lists, service, errors } = clientOf(etcd);
    await lists('bare', 'object', 'text');
    expect(
      service.endpoints.map(({ spec }) => [spec.id, spec.host, spec.port, spec.weight, spec.zone, spec.tags]),
    ).toEqual([
      ['bare', '127.0.0.1', 5_001, 1, '', []],
      ['object', 'host.example', 5_003, 3, 'z1', ['v2']],
      ['text', '::1', 5_002, 1, '', []],
    ]);
    expect(errors).toEqual([]);
  });

  it('find each other: what we register is what Go was given to read, and Go reads all of it', async () => {
    await using etcd = await startEtcd({ version });
    await using registrar = etcdRegistrar({ address: etcd.address });
    const meta = { owner: 'a<b>&c é' };
    await registrar.register({ service: 'users', id: 'plain', host: '127.0.0.1', port: 5_001 });
    const more = { weight: 3, zone: 'z1', tags: ['v2'], meta };
    await registrar.register({ service: 'users', id: 'full', host: '::1', port: 5_002, ...more });
    const sick = await registrar.register({ service: 'users', id: 'sick', host: 'host.example', port: 5_003 });
    await sick.report('critical');
    const wrote = Object.entries(await etcd.range('users/')).map(([key, value]) => ({
      key,
      value: Buffer.from(value, 'latin1').toString(),
    }));
    expect(wrote).toEqual(recorded.weWrote);
    // Of the same bytes, Go says what we meant.
    for (const { key, value } of recorded.weWrote)
      expect({ Op: 0, ...recorded.goListed[key] }).toEqual(JSON.parse(value));
    const { service, lists } = clientOf(etcd);
    await lists('full', 'plain');
    expect(recorded.grpcGoConnectsTo).toEqual(
      service.endpoints.map(({ spec: { host, port } }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).sort(),
    );
  });
});
