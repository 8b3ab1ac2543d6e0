import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  connectionSchema,
  type EtcdConnectionOptions,
  type EtcdConnectionSettings,
  readConnection,
} from '../../../src/discovery/etcd/connection.js';
import { readOptions } from '../../../src/runtime/options.js';

const read = (options: EtcdConnectionOptions) =>
  readConnection('it', readOptions<EtcdConnectionSettings>('it', options, connectionSchema as never));

/** Certificates of `integration/security`. */
const pem = (name: string): string =>
  readFileSync(new URL(`../../../integration/security/tls/${name}.pem`, import.meta.url), 'utf8');
const PEM = pem('good-cert');
const KEY = pem('good-key');

describe('the address of a member', () => {
  it.each<[address: string | readonly string[] | undefined, members: readonly [string, number][], isSecure: boolean]>([
    [undefined, [['127.0.0.1', 2379]], false],
    ['etcd.internal', [['etcd.internal', 2379]], false],
    ['10.0.0.1:80', [['10.0.0.1', 80]], false],
    ['http://10.0.0.1:80/', [['10.0.0.1', 80]], false],
    ['http://10.0.0.1', [['10.0.0.1', 2379]], false],
    ['https://10.0.0.1:443', [['10.0.0.1', 443]], true],
    ['[fd00::1]:2380', [['fd00::1', 2380]], false],
    [
      ['a:1', 'b:2'],
      [
        ['a', 1],
        ['b', 2],
      ],
      false,
    ],
  ])('is read from %j', (address, members, isSecure) => {
    const { tls, ...connection } = read(address === undefined ? {} : { address });
    expect(connection.members.map(({ host, port }) => [host, port])).toEqual(members);
    expect(tls !== undefined).toBe(isSecure);
  });

  it.each(['', 'ftp://a:1', 'xhttp://a:1', 'a b', 'http://', 'a:1/path', 'a:1?x=1', 'a:1#x', 'a:99999999'])(
    'is refused where it is %j',
    (address) => {
      expect(() => read({ address })).toThrow(/it\.address is .*: allowed is (host:port, http|an address)/);
    },
  );

  it.each([[[]], [['']], [[7]]])('is refused where it is %j', (address) => {
    expect(() => read({ address: address as never })).toThrow(/allowed is an address, or an array of at least one/);
  });

  it.each(['http://me:hunter2@a:1', 'http://hunter2@a:1', 'http://:hunter2@a:1'])(
    'is refused with a password in it, and not shown',
    (address) => {
      expect(() => read({ address })).toThrow(
        'it.address has a user or password in it (value not shown): give them as user and password.',
      );
    },
  );
});

describe('a secure connection', () => {
  it('is asked for by the address or by the option, and trusts as the options say', () => {
    expect(read({ address: 'https://a:1' }).tls).toMatchObject({ verify: true, ca: undefined });
    expect(read({ address: 'a:1', tls: true }).tls).toMatchObject({ verify: true });
    expect(read({ address: 'a:1', tls: false }).tls).toBeUndefined();
    const tls = { ca: PEM, cert: PEM, key: KEY, serverName: 'etcd', verify: false };
    expect(read({ address: 'a:1', tls }).tls).toEqual(tls);
  });

  it.each<[EtcdConnectionOptions, RegExp]>([
    [{ address: ['http://a:1', 'https://b:1'] }, /it\.address is .*: allowed is http or https, the same for all/],
    [{ address: ['a:1', 'https://b:1'] }, /the same for all/],
    [{ address: 'http://a:1', tls: { ca: PEM } }, /it\.tls is .*: allowed is none with http:\/\/ addresses/],
    [{ address: 'https://a:1', tls: false }, /it\.tls is false: allowed is true or options with https:/],
    [{ address: 'a:1', tls: { cert: PEM } }, /it\.tls\.cert means nothing without it\.tls\.key\./],
    [{ address: 'a:1', tls: { key: KEY } }, /it\.tls\.key means nothing without it\.tls\.cert\./],
  ])('is refused where %j', (options, message) => {
    expect(() => read(options)).toThrow(message);
  });

  it('is what those members have that do not say', () => {
    expect(read({ address: ['a:1', 'https://b:1'], tls: true }).members).toHaveLength(2);
  });
});

describe('a login', () => {
  it('is a user and a password', () => {
    expect(read({ user: 'me', password: 'hunter2' })).toMatchObject({ user: 'me', password: 'hunter2' });
    expect(() => read({ user: 'me' })).toThrow('it.user means nothing without it.password.');
    expect(() => read({ password: 'hunter2' })).toThrow('it.password means nothing without it.user.');
  });
});
