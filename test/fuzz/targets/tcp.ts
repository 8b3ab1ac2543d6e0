import { expect } from 'vitest';
import { readClientHello } from '../../../adapters/tcp/wire/client-hello.js';
import { readProxyHeader } from '../../../adapters/tcp/wire/proxy-header.js';
import { proxyHeaderV1, proxyHeaderV2 } from '../../../adapters/tcp/wire/write-proxy-header.js';
import type { FuzzTarget } from '../target.js';

const addresses = { source: { address: '10.0.0.1', port: 1234 }, destination: { address: '10.0.0.2', port: 80 } };

/** A ClientHello for users.example with ALPN h2, written by RFC 8446 §4.1.2. */
function clientHello(): Buffer {
  const name = Buffer.from('users.example');
  const sni = Buffer.concat([u16(0), u16(name.length + 5), u16(name.length + 3), Buffer.of(0), u16(name.length), name]);
  const alpn = Buffer.concat([u16(16), u16(5), u16(3), Buffer.from('\x02h2')]);
  const extensions = Buffer.concat([sni, alpn]);
  const body = Buffer.concat([
    u16(0x0303),
    Buffer.alloc(32, 7),
    Buffer.of(0),
    u16(2),
    u16(0x1301),
    Buffer.of(1, 0),
    u16(extensions.length),
    extensions,
  ]);
  const handshake = Buffer.concat([Buffer.of(1, 0), u16(body.length), body]);
  return Buffer.concat([Buffer.of(22), u16(0x0301), u16(handshake.length), handshake]);
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

export const tcp: readonly FuzzTarget[] = [
  {
    name: 'proxy-header',
    examples: [proxyHeaderV1(addresses), proxyHeaderV2(addresses), proxyHeaderV2(undefined), 'PROXY UNKNOWN\r\n'],
    words: ['PROXY TCP6 ', '\r\n', ' 65536', Buffer.from('0d0a0d0a000d0a515549540a', 'hex')],
    read(input) {
      const header = readProxyHeader(input);
      if (header !== undefined && header !== 'more') {
        expect(header.length).toBeGreaterThan(0);
        expect(header.length).toBeLessThanOrEqual(input.length);
      }
    },
  },
  {
    name: 'client-hello',
    examples: [clientHello()],
    words: [Buffer.of(22, 3, 1), u16(0), u16(0xffff)],
    read(input) {
      const hello = readClientHello(input);
      // Bytes that are wanted are more than there are, or it would be asked again for ever.
      if (typeof hello === 'number') expect(hello).toBeGreaterThan(input.length);
    },
  },
];
