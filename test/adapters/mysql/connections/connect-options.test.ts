import { rootCertificates } from 'node:tls';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { readPoolOptions } from '../../../../adapters/mysql/common/options.js';
import { connectOptions } from '../../../../adapters/mysql/connections/connect-options.js';

const spec = { id: 'db0', host: '10.0.0.1', port: 3306 } as never;
const host = (connection: Record<string, unknown> = {}, clock = new ManualClock(), allowPublicKeyRetrieval = true) =>
  ({ clock, service: 'mysql', connection, allowPublicKeyRetrieval }) as never;

describe('what mysql2 needs for a connection', () => {
  it('is the server, the login and the password of now', async () => {
    let passwords = 0;
    const login = { password: () => `p${++passwords}` };
    expect(await connectOptions(host({ user: 'app' }), spec, login)).toEqual({
      user: 'app',
      host: '10.0.0.1',
      port: 3306,
      password: 'p1',
    });
    expect(await connectOptions(host(), spec, { password: async () => 'p-async' })).toMatchObject({
      password: 'p-async',
    });
    expect((await connectOptions(host(), spec, login)).password).toBe('p2');
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('vault sealed');
      },
    ],
    ['rejects', () => Promise.reject(new Error('vault sealed'))],
    ['gives something else', () => 5],
  ])('fails with the reason when the function that gives the password %s', async (_, password) => {
    await expect(connectOptions(host(), spec, { password: password as never })).rejects.toMatchObject({
      code: 'FAIRLEAD_NO_CONNECTION',
      message: 'The function that gives the password failed.',
      cause: { message: expect.stringMatching(/vault sealed|It gave number/) as string },
    });
  });

  it('does not wait for a password longer than for a connection', async () => {
    const clock = new ManualClock();
    const asked = connectOptions(host({ connectTimeout: 3_000 }, clock), spec, {
      password: () => new Promise(() => {}),
    });
    clock.advance(3_000);
    await expect(asked).rejects.toThrow('gave none within connectTimeout 3000 ms');
  });

  it('names the server for TLS by servername, and still connects to the address', async () => {
    const ssl = { verifyIdentity: true, servername: 'db.example' };
    const options = await connectOptions(host({ ssl }), spec, {});
    expect(options).toMatchObject({ host: 'db.example', stream: expect.any(Function) as unknown });
  });

  it('refuses to check the name in a certificate where none is known', async () => {
    await expect(connectOptions(host({ ssl: { verifyIdentity: true } }), spec, {})).rejects.toMatchObject({
      code: 'FAIRLEAD_INVALID_OPTION',
      message: expect.stringContaining("endpoint 'db0' is known by its address only") as string,
    });
    const named = { id: 'db0', host: 'db0.example', port: 3306 } as never;
    expect(await connectOptions(host({ ssl: { verifyIdentity: true } }), named, {})).toMatchObject({
      host: 'db0.example',
    });
  });
});

describe('a password', () => {
  const optionsFor = (address: string, connection: Record<string, unknown> = {}, allowed = false) =>
    connectOptions(host(connection, undefined, allowed), { id: 'db0', host: address, port: 3306 } as never, {});
  type Plugins = Record<string, (context: unknown) => (data: Buffer) => unknown>;
  const context = { connection: { config: { password: 'secret' }, stream: {} } };
  const scramble = Buffer.from('01234567890123456789');
  const FULL_AUTHENTICATION = Buffer.from([4]);

  it.each(['10.0.0.1', 'db.example', '127.1', '::ffff:127.0.0.1'])(
    'is not encrypted with a key that a server at %s sends, without TLS',
    async (address) => {
      const { authPlugins } = (await optionsFor(address)) as { authPlugins: Plugins };
      const sha2 = authPlugins.caching_sha2_password!(context);
      expect(sha2(scramble)).toHaveLength(32);
      expect(() => sha2(FULL_AUTHENTICATION)).toThrow(/Server 'db0' \(.*:3306\) asks for the password/);
      const sha256 = authPlugins.sha256_password!(context);
      expect(() => sha256(scramble)).toThrow('allowPublicKeyRetrieval: true');
    },
  );

  it('may be where that is asked for by name, on this machine, and over TLS, which needs no key', async () => {
    for (const asked of [
      optionsFor('10.0.0.1', {}, true),
      optionsFor('127.0.0.1'),
      optionsFor('::1'),
      optionsFor('localhost'),
      optionsFor('10.0.0.1', { ssl: {} }),
    ]) {
      expect(await asked).not.toHaveProperty('authPlugins');
    }
  });

  it('is handed to a plugin of the user’s, which may know the server’s key', async () => {
    const plugin = () => () => 'own';
    const { authPlugins } = await optionsFor('10.0.0.1', { authPlugins: { caching_sha2_password: plugin } });
    expect(authPlugins).toMatchObject({
      caching_sha2_password: plugin,
      sha256_password: expect.any(Function) as unknown,
    });
  });

  it('in clear text to another machine is warned of, once', async () => {
    const warnings: string[] = [];
    const listener = (warning: Error): void => void warnings.push(warning.message);
    process.on('warning', listener);
    const connection = { enableCleartextPlugin: true };
    for (const address of ['127.0.0.1', '10.0.0.1', '10.0.0.2']) await optionsFor(address, connection);
    await optionsFor('10.0.0.1', { ...connection, ssl: {} });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('warning', listener);
    expect(warnings).toEqual([expect.stringContaining("may go in clear text to 'db0' (10.0.0.1:3306)")]);
  });
});

describe('the name in a certificate', () => {
  const sslFor = async (address: string, ssl: unknown) =>
    (await connectOptions(host({ ssl }), { id: 'db0', host: address, port: 3306 } as never, {})).ssl as object;

  it('is checked wherever a name is known, unless told not to', async () => {
    expect(await sslFor('db.example', { minVersion: 'TLSv1.2' })).toMatchObject({ verifyIdentity: true });
    expect(await sslFor('10.0.0.1', { servername: 'db.example' })).toMatchObject({ verifyIdentity: true });
    expect(await sslFor('db.example', 'Amazon RDS')).toMatchObject({ verifyIdentity: true });
    expect(await sslFor('10.0.0.1', { minVersion: 'TLSv1.2' })).not.toHaveProperty('verifyIdentity');
    expect(await sslFor('db.example', { verifyIdentity: false })).toMatchObject({ verifyIdentity: false });
    expect(await sslFor('db.example', { rejectUnauthorized: false })).not.toHaveProperty('verifyIdentity');
  });

  it('makes one object of the options for all connections: mysql2 keeps TLS sessions by it', async () => {
    const ssl = { minVersion: 'TLSv1.2' };
    expect(await sslFor('db.example', ssl)).toBe(await sslFor('db2.example', ssl));
  });
});

describe('a certificate', () => {
  it('that is renewed is the one of the next connection, in place or by a getter', async () => {
    let authority = rootCertificates[0];
    const inPlace = { ca: authority };
    const byGetter = {
      get ca() {
        return authority;
      },
    };
    for (const ssl of [inPlace, byGetter]) {
      authority = rootCertificates[0];
      const { connection } = readPoolOptions({ service: 'mysql', ssl });
      const next = async () =>
        (await connectOptions(host({ ...connection }), spec, {})).ssl as { readonly ca: unknown };
      const first = await next();
      expect(first.ca).toBe(rootCertificates[0]);
      expect(await next()).toBe(first);
      authority = rootCertificates[1];
      if (ssl === inPlace) inPlace.ca = authority;
      expect((await next()).ca).toBe(rootCertificates[1]);
    }
  });

  it('that cannot be read, or is none, fails its connection, and is asked for again', async () => {
    let read: () => string = () => rootCertificates[0]!;
    const ssl = {
      get ca() {
        return read();
      },
    };
    const { connection } = readPoolOptions({ service: 'mysql', ssl });
    const next = () => connectOptions(host({ ...connection }), spec, {});
    const failure = { code: 'FAIRLEAD_NO_CONNECTION', message: expect.stringContaining("to 'db0' (values not shown)") };
    read = () => {
      throw new Error('no such file');
    };
    await expect(next()).rejects.toMatchObject({ ...failure, cause: { message: 'no such file' } });
    read = () => 'none';
    await expect(next()).rejects.toMatchObject({ ...failure, cause: { code: 'FAIRLEAD_INVALID_OPTION' } });
    read = () => rootCertificates[0]!;
    await expect(next()).resolves.toMatchObject({ ssl: { ca: rootCertificates[0] } });
  });
});
