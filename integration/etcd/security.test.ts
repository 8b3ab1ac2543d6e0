import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import { etcdKv, etcdRegistrar, etcdResolver } from 'fairlead/etcd';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type EtcdVersion, makeCertificates, startEtcd, until } from '../harness/index.js';
import { clientOf, naming } from './world.js';

const VERSIONS: readonly EtcdVersion[] = ['3.4', '3.5'];

describe.each(VERSIONS)('etcd %s with authentication', (version) => {
  it('is read and written by a user with the right, also after it forgot all tokens', async () => {
    await using etcd = await startEtcd({ version });
    const password = await etcd.enableAuth('users/');
    const login = { user: 'app', password };
    const { lists, errors } = clientOf(etcd, login);
    await using registrar = etcdRegistrar({ address: etcd.address, ...login, ttlMs: 6_000 });
    await registrar.register({ service: 'users', id: 'a', host: '127.0.0.1', port: 5_001 });
    await lists('a');
    // Tokens live in its memory.
    await etcd.restart();
    await etcd.authenticate();
    await etcd.put('users/b', naming('127.0.0.1:5002'));
    await lists('a', 'b');
    await until('a heartbeat', async () => 'users/a' in (await etcd.range('users/')));
    expect(inspect([registrar, etcdResolver({ address: etcd.address, ...login }), errors], { depth: 9 })).not.toContain(
      password,
    );
  });

  it('may begin to ask for a login while programs that have one are at work', async () => {
    await using etcd = await startEtcd({ version });
    const { lists } = clientOf(etcd, etcd.login);
    await using registrar = etcdRegistrar({ address: etcd.address, ...etcd.login, ttlMs: 2_000 });
    const registration = await registrar.register({ service: 'users', id: 'a', host: '127.0.0.1', port: 5_001 });
    const failures: Error[] = [];
    registration.on('error', (error) => failures.push(error));
    await lists('a');
    await etcd.enableAuth('users/');
    await etcd.endLeases();
    await until('it is put anew', async () => 'users/a' in (await etcd.range('users/')));
    await etcd.put('users/b', naming('127.0.0.1:5002'));
    await lists('a', 'b');
    expect([registration.status, failures]).toEqual(['registered', []]);
  });

  it('says what is missing: a user, the password, the right', async () => {
    await using etcd = await startEtcd({ version });
    const password = await etcd.enableAuth('users/');
    const none = clientOf(etcd);
    await until('an error', () => none.errors.some(({ message }) => /give `user` and `password`/.test(message)));
    const wrong = clientOf(etcd, { user: 'app', password: 'wrong-password' });
    await until('an error', () => wrong.errors.some(({ message }) => /invalid user ID or password/.test(message)));
    expect(inspect(wrong.errors)).not.toContain('wrong-password');
    const other = clientOf(etcd, { user: 'app', password, prefix: 'others' });
    await until('an error', () => other.errors.some(({ message }) => /role of this user/.test(message)));
  });
});

describe.each(VERSIONS)('etcd %s with TLS', (version) => {
  it('is read and written with the right authority, and not with another', async () => {
    const certificates = await makeCertificates();
    await using etcd = await startEtcd({ version, certificates });
    const address = `https://127.0.0.1:${etcd.tlsPort}`;
    const tls = { ca: certificates.ca };
    await using registrar = etcdRegistrar({ address, tls });
    await registrar.register({ service: 'users', id: 'a', host: '127.0.0.1', port: 5_001 });
    const { lists } = clientOf(etcd, { address, tls });
    await lists('a');
    const named = clientOf(etcd, { address, tls: { ...tls, serverName: certificates.name } });
    await named.lists('a');
    const stranger = await makeCertificates();
    const other = clientOf(etcd, { address, tls: { ca: await readFile(stranger.caFile) } });
    await until('an error', () => other.errors.some(({ message }) => /certificate/.test(message)));
    expect(other.ids()).toEqual([]);
  });

  it('asks for a certificate and a login: with both it is read and written, without either it is not', async () => {
    const certificates = await makeCertificates();
    await using etcd = await startEtcd({ version, certificates, asksForCertificates: true });
    const password = await etcd.enableAuth('users/');
    const address = `https://127.0.0.1:${etcd.tlsPort}`;
    const own = { cert: await readFile(certificates.certFile), key: await readFile(certificates.keyFile) };
    const tls = { ca: certificates.ca, ...own };
    const login = { user: 'app', password };
    await using registrar = etcdRegistrar({ address, tls, ...login });
    await registrar.register({ service: 'users', id: 'a', host: '127.0.0.1', port: 5_001 });
    const { lists, errors } = clientOf(etcd, { address, tls, ...login });
    await lists('a');
    const unnamed = clientOf(etcd, { address, tls });
    await until('a refusal', () => unnamed.errors.some(({ message }) => /give `user`|permission denied/.test(message)));
    const bare = clientOf(etcd, { address, tls: { ca: certificates.ca }, ...login });
    await until('an error', () => bare.errors.length > 0);
    expect([unnamed.ids(), bare.ids()]).toEqual([[], []]);
    expect(inspect([errors, registrar], { depth: 9 })).not.toContain(own.key.toString().slice(40, 80));
  });
});

describe.each(VERSIONS)('etcdKv at etcd %s', (version) => {
  it('reports a value, its changes and its end, over a restart and a compaction', async () => {
    await using etcd = await startEtcd({ version });
    const values: (string | undefined)[] = [];
    const errors: Error[] = [];
    const end = new AbortController();
    onTestFinished(() => end.abort());
    const source = etcdKv({ address: etcd.address, prefix: 'config/', requestTimeoutMs: 1_000, progressMs: 500 });
    const sink = { value: (text: string | undefined) => values.push(text), error: (e: Error) => errors.push(e) };
    source.watch('app', sink as never, end.signal);
    await until('no value', () => values.length === 1);
    await etcd.put('config/app', 'one');
    await until('one', () => values.at(-1) === 'one');
    await etcd.put('config/app-2', 'not this one');
    await etcd.kill();
    await until('an error', () => errors.length > 0);
    await etcd.restart();
    await etcd.put('config/app', 'two');
    await etcd.compact();
    await until('two', () => values.at(-1) === 'two');
    await etcd.delete('config/app');
    await until('none', () => values.at(-1) === undefined);
    expect(values).toEqual([undefined, 'one', 'two', undefined]);
    end.abort();
    await etcd.put('config/app', 'three');
    expect(values).toHaveLength(4);
  });
});
