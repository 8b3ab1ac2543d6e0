import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClientHello } from '../../../../adapters/tcp/wire/client-hello.js';
import { alpnExtension, extension, helloMessage, inRecords, nameExtension, realHello } from './hello-bytes.js';

const hello = (...extensions: Buffer[]): Buffer => inRecords(helloMessage(Buffer.concat(extensions)));

describe('a ClientHello', () => {
  it("of this Node's client shows its server name and protocols", async () => {
    const bytes = await realHello({ servername: 'API.example.com', ALPNProtocols: ['h2', 'http/1.1'] });
    expect(readClientHello(bytes)).toEqual({ serverName: 'api.example.com', alpn: ['h2', 'http/1.1'] });
  });

  it('without a name and protocols shows none, with extensions or without', async () => {
    expect(readClientHello(await realHello({ host: '127.0.0.1' }))).toEqual({ serverName: undefined, alpn: [] });
    expect(readClientHello(inRecords(helloMessage(undefined)))).toEqual({ serverName: undefined, alpn: [] });
    expect(readClientHello(inRecords(helloMessage(Buffer.alloc(0))))).toEqual({ serverName: undefined, alpn: [] });
  });

  it('says how many more bytes it takes, byte by byte, and is read when they are there', () => {
    const bytes = hello(alpnExtension(['h2']), nameExtension('a.example.com'));
    for (let length = 0; length < bytes.length; length++) {
      const needed = readClientHello(bytes.subarray(0, length));
      expect(needed).toBeGreaterThan(length);
      expect(needed).toBeLessThanOrEqual(bytes.length);
    }
    expect(readClientHello(bytes)).toEqual({ serverName: 'a.example.com', alpn: ['h2'] });
  });

  it('is the same however it is split into records, and whatever follows it', () => {
    const message = helloMessage(Buffer.concat([nameExtension('b.example.com'), alpnExtension(['h2', 'x'])]));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: message.length }), fc.uint8Array(), (size, after) => {
        const bytes = Buffer.concat([inRecords(message, size), after]);
        expect(readClientHello(bytes)).toEqual({ serverName: 'b.example.com', alpn: ['h2', 'x'] });
      }),
    );
  });

  it('passes over what it does not know, GREASE included', () => {
    const grease = [
      extension(0x0a0a, Buffer.alloc(0)),
      extension(0xdada, Buffer.from([0])),
      extension(43, Buffer.alloc(9)),
    ];
    expect(readClientHello(hello(grease[0]!, nameExtension('c.test'), ...grease))).toMatchObject({
      serverName: 'c.test',
    });
  });

  const list = (...bytes: number[]): Buffer => Buffer.from([0, bytes.length, ...bytes]);
  it.each([
    ['plain HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['SSLv2', Buffer.from([0x80, 0x2e, 1, 3, 1])],
    ['an alert', Buffer.from([21, 3, 3, 0, 2, 2, 40])],
    ['a record of another major version', Buffer.from([22, 4, 1, 0, 5])],
    ['an empty record', Buffer.from([22, 3, 1, 0, 0])],
    ['a record that is too long', Buffer.from([22, 3, 1, 0x40, 1])],
    ['a ServerHello', inRecords(helloMessage(Buffer.alloc(0), 2))],
    [
      'a second record that is none',
      Buffer.concat([inRecords(helloMessage(undefined).subarray(0, 20)), Buffer.from([23])]),
    ],
    ['a session id that is longer than all', inRecords(Buffer.from([1, 0, 0, 35, ...Buffer.alloc(34), 200]))],
    ['bytes behind the extensions', inRecords(Buffer.concat([Buffer.from([1, 0, 0, 42]), Buffer.alloc(42)]))],
    ['an extension that is longer than all', hello(Buffer.from([0, 0, 0, 9, 1]))],
    ['an empty list of names', hello(extension(0, list()))],
    ['an empty name', hello(extension(0, list(0, 0, 0)))],
    ['a name of another kind', hello(extension(0, list(1, 0, 1, 97)))],
    ['two names', hello(extension(0, list(0, 0, 1, 97, 0, 0, 1, 98)))],
    ['two lists of names', hello(nameExtension('a'), nameExtension('b'))],
    ['a name that no host has', hello(nameExtension('a b\n'))],
    ['a name that ends in a dot', hello(nameExtension('a.example.'))],
    ['a name that is too long', hello(nameExtension('a'.repeat(254)))],
    ['an empty list of protocols', hello(extension(16, list()))],
    ['an empty protocol', hello(extension(16, list(0)))],
    ['a protocol that is longer than all', hello(extension(16, list(9, 97)))],
  ])('is not %s', (_, bytes) => {
    expect(readClientHello(bytes)).toBeUndefined();
  });

  it('never throws, and never asks for what it has, whatever it is given', () => {
    const begins = fc.constantFrom([], [22], [22, 3, 1], [22, 3, 1, 0, 40, 1, 0, 0, 36, 3, 3]);
    fc.assert(
      fc.property(begins, fc.uint8Array({ maxLength: 400 }), (first, more) => {
        const bytes = Buffer.from([...first, ...more]);
        const read = readClientHello(bytes);
        if (typeof read === 'number') expect(read).toBeGreaterThan(bytes.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('that was damaged anywhere is read, refused or incomplete, and never throws', () => {
    const whole = hello(nameExtension('d.example.com'), alpnExtension(['h2']));
    const spots = fc.array(fc.integer({ min: 0, max: whole.length - 1 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(spots, fc.integer({ min: 0, max: 255 }), (at, value) => {
        const damaged = Buffer.from(whole);
        for (const each of at) damaged[each] = value;
        readClientHello(damaged);
      }),
      { numRuns: 2_000 },
    );
  });
});
