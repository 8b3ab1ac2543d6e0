import { describe, expect, it } from 'vitest';
import { tlsClient, tlsServer, tlsSwitch } from '../../src/runtime/tls-options.js';

describe('options of TLS', () => {
  it('are handed on as they are, where Node knows their names', () => {
    const given = { servername: 'a', ca: undefined, session: undefined, localAddress: '127.0.0.1' };
    expect(tlsClient(given, 'x.tls')).toBe(given);
    const ours = { minVersion: 'TLSv1.3', SNICallback: () => {}, handshakeTimeout: 1 };
    expect(tlsServer(ours, 'x.tls')).toBe(ours);
  });

  it('are refused by a name that Node does not know, which Node itself would ignore', () => {
    expect(() => tlsClient({ serverName: 'a' }, 'x.tls')).toThrow(/^x\.tls\.serverName is not an option: .*servername/);
    expect(() => tlsSwitch({ foo: 1 }, 'x.tls')).toThrow(/x\.tls\.foo/);
    expect(() => tlsServer({ servername: 'a' }, 'x.tls')).toThrow(/x\.tls\.servername/);
  });

  it.each([
    [{ ca: 'garbage' }, /values not shown/],
    [{ ca: ['garbage'] }, /values not shown/],
    [{ cert: 'hunter2', key: 'hunter2' }, /values not shown/],
    [{ key: '-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----' }, /: unsupported\.$/],
    [{ pfx: Buffer.from('hunter2'), passphrase: 'hunter2' }, /values not shown/],
    [{ key: { pem: 5, hunter2: 1 } }, /: ERR_INVALID_ARG_TYPE\.$/],
    [{ ciphers: 'hunter2' }, /: no cipher match\.$/],
    [{ minVersion: 'hunter2' }, /: ERR_TLS_INVALID_PROTOCOL_VERSION\.$/],
  ])('are refused where OpenSSL refuses them, before a call meets them: %o', (given, reason) => {
    for (const read of [tlsClient, tlsSwitch, tlsServer]) {
      const attempt = (): unknown => read(given, 'x.tls');
      expect(attempt).toThrow(/^x\.tls is refused/);
      expect(attempt).toThrow(reason);
      expect(attempt).not.toThrow(/hunter2/);
    }
  });

  it('are not looked into where the program brings its own context', () => {
    const given = { secureContext: {}, key: 'x' };
    expect(tlsClient(given, 'x.tls')).toBe(given);
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
