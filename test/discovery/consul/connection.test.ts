import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseAddress } from '../../../src/discovery/consul/address.js';
import {
  type ConsulConnectionOptions,
  connectionSchema,
  readConnection,
} from '../../../src/discovery/consul/connection.js';
import { readOptions } from '../../../src/runtime/options.js';
import { consulWorld } from '../../support/consul.js';
import { until } from '../../support/until.js';

const read = (env: Record<string, string>, options: ConsulConnectionOptions = {}) =>
  readConnection('consulResolver', readOptions('consulResolver', { ...options, env }, connectionSchema as never));

const folder = mkdtempSync(join(tmpdir(), 'fairlead-consul-'));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

/** Certificates of `integration/security`. */
const pem = (name: string): string =>
  readFileSync(new URL(`../../../integration/security/tls/${name}.pem`, import.meta.url), 'utf8');

describe('the address of an agent', () => {
  it.each([
    ['127.0.0.1:8500', { secure: false, host: '127.0.0.1', port: 8500, prefix: '' }],
    ['http://consul:8500', { secure: false, host: 'consul', port: 8500 }],
    ['https://consul:8501', { secure: true, host: 'consul', port: 8501 }],
    ['https://consul/behind/', { secure: true, port: 443, prefix: '/behind' }],
    ['[::1]:8500', { host: '::1', port: 8500 }],
    ['unix:///run/consul.sock', { socketPath: '/run/consul.sock' }],
  ])('is read from %s', (address, expected) => {
    expect(parseAddress(address, false, 'address')).toMatchObject(expected);
  });

  it.each(['', 'ftp://x:1', 'unix://', 'http://', 'a b', 'http://x:1/?a=b'])('is refused where it is %j', (address) => {
    expect(() => parseAddress(address, false, 'address')).toThrow(/address is .*allowed is host:port, http:/);
  });

  it('is not shown where a password is in it', () => {
    expect(() => consulResolver({ address: 'http://me:hunter2@consul:8500', env: {} })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
    );
  });
});

describe('a Unix domain socket', () => {
  it('is spoken to as any address', async () => {
    const path = join(folder, 'consul.sock');
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(request.url ?? '');
      response.writeHead(200, { 'x-consul-index': '1' });
      if (!request.url?.includes('index=')) response.end('[]');
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    const mesh = createMesh({ resolver: consulResolver({ env: { CONSUL_HTTP_ADDR: `unix://${path}` } }) });
    onTestFinished(async () => {
      await mesh.close();
      server.closeAllConnections();
      server.close();
    });
    const service = mesh.service('users');
    await until(() => service.discovery.version !== '');
    expect(seen[0]).toBe('/v1/health/service/users?stale=1');
  });
});

describe('the environment', () => {
  it('is read as the Consul CLI does', () => {
    const connection = read({
      CONSUL_HTTP_ADDR: 'consul.internal:8501',
      CONSUL_HTTP_SSL: 'true',
      CONSUL_HTTP_TOKEN: 'sesame',
      CONSUL_HTTP_AUTH: 'me:hunter2',
      CONSUL_CACERT: file('ca.pem', pem('ca')),
      CONSUL_CLIENT_CERT: file('cert.pem', pem('good-cert')),
      CONSUL_CLIENT_KEY: file('key.pem', pem('good-key')),
      CONSUL_TLS_SERVER_NAME: 'server.dc1.consul',
      CONSUL_HTTP_SSL_VERIFY: '0',
      CONSUL_NAMESPACE: 'team',
      CONSUL_PARTITION: 'part',
    });
    expect(connection).toMatchObject({
      address: { secure: true, host: 'consul.internal', port: 8501 },
      tls: {
        ca: pem('ca'),
        cert: pem('good-cert'),
        key: pem('good-key'),
        servername: 'server.dc1.consul',
        rejectUnauthorized: false,
      },
      auth: 'me:hunter2',
      namespace: 'team',
      partition: 'part',
      compress: true,
    });
    expect(connection.token?.value()).toBe('sesame');
  });

  it('means the local agent where it says nothing', () => {
    expect(read({ CONSUL_HTTP_ADDR: '' })).toMatchObject({
      address: { secure: false, host: '127.0.0.1', port: 8500 },
      compress: false,
      token: undefined,
    });
  });

  it('gives way to options', () => {
    const env = { CONSUL_HTTP_ADDR: 'https://other:1', CONSUL_HTTP_TOKEN: 'theirs' };
    const connection = read(env, { address: 'mine:8500', token: 'mine', tls: { ca: pem('ca'), verify: false } });
    expect(connection.token?.value()).toBe('mine');
    expect(connection).toMatchObject({ address: { host: 'mine', secure: true }, tls: { ca: pem('ca') } });
  });

  it('trusts every certificate of CONSUL_CAPATH', () => {
    const path = mkdtempSync(join(tmpdir(), 'fairlead-capath-'));
    writeFileSync(join(path, 'a.pem'), pem('ca'));
    writeFileSync(join(path, 'b.pem'), pem('stranger-cert'));
    const ca = [pem('ca'), pem('stranger-cert')];
    expect(read({ CONSUL_HTTP_ADDR: 'https://x', CONSUL_CAPATH: path }).tls).toMatchObject({ ca });
  });

  it('has certificates that are looked at before a request needs them', () => {
    const env = { CONSUL_HTTP_ADDR: 'https://x' };
    const key = file('only.pem', pem('good-key'));
    expect(() => read({ ...env, CONSUL_CLIENT_KEY: key })).toThrow(/has a key and no cert: they go together/);
    const CONSUL_CLIENT_CERT = file('other.pem', pem('stranger-cert'));
    expect(() => read({ ...env, CONSUL_CLIENT_KEY: key, CONSUL_CLIENT_CERT })).toThrow(/key values mismatch/);
    expect(() => read({ ...env, CONSUL_CACERT: file('none.pem', 'hunter2') })).toThrow(
      expect.objectContaining({
        code: 'FAIRLEAD_INVALID_OPTION',
        message: expect.not.stringContaining('hunter2') as string,
      }),
    );
  });

  it('prefers the token in a file, and reads it again when it was refused', async () => {
    const path = file('token', 'first\n');
    const { consul, blocks, passUntil, answers } = await consulWorld(['a'], {
      env: { CONSUL_HTTP_TOKEN_FILE: path, CONSUL_HTTP_TOKEN: 'other' },
    });
    await blocks();
    expect(consul.queries[0]!.headers['x-consul-token']).toBe('first');
    writeFileSync(path, 'second\n');
    answers(403, {}, 'ACL not found');
    await passUntil(() => consul.queries.at(-1)!.headers['x-consul-token'] === 'second');
  });

  it.each([
    [{ CONSUL_HTTP_SSL: 'maybe' }, /CONSUL_HTTP_SSL is "maybe": allowed is 1, t/],
    [
      { CONSUL_HTTP_ADDR: 'https://x', CONSUL_CACERT: '/nowhere/ca.pem' },
      /CONSUL_CACERT: cannot read \/nowhere\/ca.pem/,
    ],
    [{ CONSUL_HTTP_ADDR: 'gopher://x' }, /CONSUL_HTTP_ADDR is "gopher:\/\/x": allowed is host:port/],
  ])('is refused where it is %j', (env, message) => {
    expect(() => read(env as Record<string, string>)).toThrow(message);
  });
});

describe('secrets', () => {
  const TOKEN = 'b1gs05-53cr3t-t0k3n';
  const PASSWORD = 'hunter2-hunter2';
  const shown = (value: unknown): string => {
    const parts: string[] = [];
    for (let error = value; error instanceof Error; error = error.cause) parts.push(String(error.stack), error.message);
    parts.push(inspect(value, { depth: Infinity, showHidden: true, getters: true }));
    try {
      parts.push(JSON.stringify(value));
    } catch {
      // A circular object: inspect has seen it.
    }
    return parts.join('\n');
  };

  it('are in no error, event, warning or inspected object', async () => {
    const world = await consulWorld(['a'], { token: TOKEN, auth: `me:${PASSWORD}` });
    const { consul, mesh, service, errors, blocks, pass, answers } = world;
    const resolver = consulResolver({ address: consul.address, token: TOKEN, auth: `me:${PASSWORD}`, env: {} });
    const seen: unknown[] = [resolver, mesh, service, service.endpoints];
    await blocks();
    expect(consul.queries[0]!.headers['x-consul-token']).toBe(TOKEN);
    // A proxy that shows what it was sent, the credentials included.
    const basic = consul.queries[0]!.headers.authorization;
    answers(502, {}, `bad gateway: x-consul-token: ${TOKEN}, authorization: ${basic}`);
    await pass(1_000);
    answers(200, { 'x-consul-index': '12' }, `[{"Node":{"${TOKEN}}]`);
    await pass(1_000);
    answers(403, {}, `token ${TOKEN} lacks permission`);
    await pass(1_000);
    consul.script = (_request, response) => {
      response.destroy();
      return true;
    };
    await pass(1_000);
    await consul.down();
    await pass(1_000);
    expect(errors.length).toBeGreaterThan(4);
    expect(errors.map(String).join('\n')).toMatch(/\[secret\]/);
    seen.push(...errors, service.discovery);
    for (const value of seen) {
      expect(shown(value)).not.toContain(TOKEN);
      expect(shown(value)).not.toContain(PASSWORD);
      expect(shown(value)).not.toContain(Buffer.from(`me:${PASSWORD}`).toString('base64'));
    }
  });

  it('are not shown where they are refused', () => {
    expect(() => consulResolver({ token: 7 as never, env: {} })).toThrow(/token is not a string .*value not shown/);
  });
});
