import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readProxyHeader } from '../../../../adapters/tcp/wire/proxy-header.js';
import { proxyHeaderV1, proxyHeaderV2 } from '../../../../adapters/tcp/wire/write-proxy-header.js';

const v1 = (line: string): Buffer => Buffer.from(line, 'latin1');
const SIGNATURE = '0d0a0d0a000d0a515549540a';
const v2 = (hex: string): Buffer => Buffer.from((SIGNATURE + hex).replaceAll(' ', ''), 'hex');

const A = { source: { address: '10.1.2.3', port: 40_000 }, destination: { address: '10.9.8.7', port: 443 } };

describe('a PROXY header of version 1', () => {
  it('names both ends', () => {
    const bytes = v1('PROXY TCP4 10.1.2.3 10.9.8.7 40000 443\r\nhello');
    expect(readProxyHeader(bytes)).toEqual({ length: 40, addresses: A });
    expect(readProxyHeader(v1('PROXY TCP6 2001:db8::1 ::1 1 65535\r\n'))).toMatchObject({
      addresses: { source: { address: '2001:db8::1', port: 1 }, destination: { address: '::1', port: 65_535 } },
    });
  });

  it('that is UNKNOWN leaves the peer, whatever follows', () => {
    expect(readProxyHeader(v1('PROXY UNKNOWN\r\n'))).toEqual({ length: 15, addresses: undefined });
    const longest = 'PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535 and whatever else';
    expect(readProxyHeader(v1(`${longest.padEnd(105, 'x')}\r\n`))).toEqual({ length: 107, addresses: undefined });
  });

  it.each([
    'PROXY TCP4 10.1.2.3 10.9.8.7 40000\r\n',
    'PROXY TCP4 10.1.2.3 10.9.8.7 40000 443 1\r\n',
    'PROXY TCP4  10.1.2.3 10.9.8.7 40000 443\r\n',
    'PROXY TCP4 10.1.2.3 10.9.8.7 40000 65536\r\n',
    'PROXY TCP4 10.1.2.3 10.9.8.7 040 443\r\n',
    'PROXY TCP4 10.1.2.3 10.9.8.7 -1 443\r\n',
    'PROXY TCP4 010.1.2.3 10.9.8.7 40000 443\r\n',
    'PROXY TCP4 ::1 ::1 40000 443\r\n',
    'PROXY TCP6 10.1.2.3 10.9.8.7 40000 443\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 40000 443\r\n',
    'PROXY UDP4 10.1.2.3 10.9.8.7 40000 443\r\n',
    'PROXY tcp4 10.1.2.3 10.9.8.7 40000 443\r\n',
    'PROXY \r\n',
    'proxy TCP4 10.1.2.3 10.9.8.7 40000 443\r\n',
    'GET / HTTP/1.1\r\n',
    `PROXY ${'x'.repeat(100)}\r\n`,
  ])('is not %j', (line) => {
    expect(readProxyHeader(v1(line))).toBeUndefined();
  });
});

describe('a PROXY header of version 2', () => {
  it('names both ends, of streams and of datagrams, and its extensions are passed over', () => {
    const addresses = '0a010203 0a090807 9c40 01bb';
    expect(readProxyHeader(v2(`21 11 000c ${addresses} ff`))).toEqual({ length: 28, addresses: A });
    expect(readProxyHeader(v2(`21 12 000c ${addresses}`))).toEqual({ length: 28, addresses: A });
    expect(readProxyHeader(v2(`21 11 0013 ${addresses} 01 0002 6832 04 0000`))).toBeUndefined();
    expect(readProxyHeader(v2(`21 11 0014 ${addresses} 01 0002 6832 04 0000`))).toEqual({ length: 36, addresses: A });
  });

  it.each([
    ['LOCAL, whatever stands in it', '20 00 0000', 16],
    ['LOCAL with addresses', '20 11 000c 0a010203 0a090807 9c40 01bb', 28],
    ['of an unspecified family', '21 00 0003 04 0000', 19],
    ['of an unspecified transport', '21 10 000c 0a010203 0a090807 9c40 01bb', 28],
    ['of unix sockets', `21 31 00d8 ${'00'.repeat(216)}`, 232],
  ])('%s leaves the peer', (_, hex, length) => {
    expect(readProxyHeader(v2(hex))).toEqual({ length, addresses: undefined });
  });

  it.each([
    ['of another version', '11 11 000c 0a010203 0a090807 9c40 01bb'],
    ['with another command', '22 11 000c 0a010203 0a090807 9c40 01bb'],
    ['of another family', '21 41 000c 0a010203 0a090807 9c40 01bb'],
    ['of another transport', '21 13 000c 0a010203 0a090807 9c40 01bb'],
    ['too short for its addresses', '21 21 000c 0a010203 0a090807 9c40 01bb'],
    ['with an extension beyond its end', '21 11 0010 0a010203 0a090807 9c40 01bb 04 0002 00'],
    ['with half an extension', '21 11 000e 0a010203 0a090807 9c40 01bb 04 00'],
    ['that is longer than any', '21 11 ffff'],
  ])('is refused %s', (_, hex) => {
    expect(readProxyHeader(v2(hex))).toBeUndefined();
  });
});

const versions = fc.constantFrom(proxyHeaderV1, proxyHeaderV2);
const port = fc.nat(65_535);

describe('a PROXY header that is written', () => {
  it('is read as it was meant, in whatever pieces it comes, with whatever follows', () => {
    const addresses = fc.constantFrom(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(
        versions,
        addresses.chain((kind) => kind),
        fc.ipV4(),
        port,
        port,
        fc.uint8Array(),
        (write, a, b, p, q, after) => {
          const header = write({ source: { address: a, port: p }, destination: { address: b, port: q } });
          for (let length = 0; length < header.length; length++) {
            expect(readProxyHeader(header.subarray(0, length))).toBe('more');
          }
          const read = readProxyHeader(Buffer.concat([header, after]));
          if (read === 'more' || read === undefined) throw new Error('it is there');
          expect(read.length).toBe(header.length);
          expect(read.addresses).toMatchObject({ source: { port: p }, destination: { port: q } });
          // Addresses have several spellings: written again they are the same bytes.
          expect(write(read.addresses)).toEqual(header);
        },
      ),
    );
  });

  it('maps an IPv4 address beside an IPv6 one', () => {
    const mixed = { source: { address: '10.1.2.3', port: 1 }, destination: { address: '2001:db8::1', port: 2 } };
    expect(String(proxyHeaderV1(mixed))).toBe('PROXY TCP6 0:0:0:0:0:ffff:a01:203 2001:db8:0:0:0:0:0:1 1 2\r\n');
    const mapped = {
      source: { address: '::ffff:10.1.2.3', port: 40_000 },
      destination: { address: '10.9.8.7', port: 443 },
    };
    expect(String(proxyHeaderV1(mapped))).toBe('PROXY TCP4 10.1.2.3 10.9.8.7 40000 443\r\n');
  });

  it('says that it speaks for itself where nothing is known', () => {
    for (const unknown of [undefined, { source: { address: '', port: 0 }, destination: { address: '', port: 0 } }]) {
      expect(String(proxyHeaderV1(unknown))).toBe('PROXY UNKNOWN\r\n');
      expect(readProxyHeader(proxyHeaderV2(unknown))).toEqual({ length: 16, addresses: undefined });
    }
  });
});

it('whatever bytes come, they are a header, none, or not all of it, and nothing throws', () => {
  const begins = fc.constantFrom(
    '',
    '50524f585920',
    '50524f58592054435034',
    SIGNATURE,
    `${SIGNATURE}2111`,
    `${SIGNATURE}21210024`,
  );
  fc.assert(
    fc.property(begins, fc.uint8Array({ maxLength: 200 }), (first, more) => {
      const bytes = Buffer.concat([Buffer.from(first, 'hex'), more]);
      const read = readProxyHeader(bytes);
      if (typeof read === 'object') expect(read.length).toBeLessThanOrEqual(bytes.length);
    }),
    { numRuns: 2_000 },
  );
});
