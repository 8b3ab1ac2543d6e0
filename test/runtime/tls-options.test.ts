import { describe, expect, it } from 'vitest';
import { tlsClient, tlsServer, tlsSwitch } from '../../src/runtime/tls-options.js';

describe('options of TLS', () => {
  it('are handed on as they are, where Node knows their names', () => {
    const given = { servername: 'a', ca: 'CA', session: undefined, localAddress: '127.0.0.1' };
    expect(tlsClient(given, 'x.tls')).toBe(given);
    const ours = { key: 'K', SNICallback: () => {}, handshakeTimeout: 1 };
    expect(tlsServer(ours, 'x.tls')).toBe(ours);
  });

  it('are refused by a name that Node does not know, which Node itself would ignore', () => {
    expect(() => tlsClient({ serverName: 'a' }, 'x.tls')).toThrow(/^x\.tls\.serverName is not an option: .*servername/);
    expect(() => tlsSwitch({ foo: 1 }, 'x.tls')).toThrow(/x\.tls\.foo/);
    expect(() => tlsServer({ servername: 'a' }, 'x.tls')).toThrow(/x\.tls\.servername/);
  });

  it('may be on or off', () => {
    expect([true, false, undefined].map((each) => tlsSwitch(each, 'x.tls'))).toEqual([{}, undefined, undefined]);
  });

  it('are shown as they are where they are no object, but for a long text, which may be a key', () => {
    expect(() => tlsSwitch('yes', 'x.tls')).toThrow(
      'x.tls is "yes": allowed is an object of options for tls.connect, true or false.',
    );
    expect(() => tlsSwitch(['a'], 'x.tls')).toThrow(/^x\.tls is /);
    expect(() => tlsClient('-----BEGIN PRIVATE KEY-----', 'x.tls')).toThrow(/^x\.tls is a text of 27 characters/);
  });
});
