import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskIp, parseIp } from '../../src/runtime/ip-address.js';

function hexOf(text: string): string | undefined {
  const bytes = new Uint8Array(16);
  const length = parseIp(text, bytes);
  return length === 0 ? undefined : Buffer.from(bytes.subarray(0, length)).toString('hex');
}

describe('an IP address', () => {
  it.each([
    ['10.1.2.3', '0a010203'],
    ['10.1.2.3:8080', '0a010203'],
    ['0.0.0.0', '00000000'],
    ['255.255.255.255', 'ffffffff'],
    ['::ffff:10.1.2.3', '0a010203'],
    ['::FFFF:a01:203', '0a010203'],
    ['[::ffff:10.1.2.3]:80', '0a010203'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['[::1]', '00000000000000000000000000000001'],
    ['[::1]:65535', '00000000000000000000000000000001'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['fe80::1%eth0.100', 'fe800000000000000000000000000001'],
    ['[fe80::1%25eth0]:80', 'fe800000000000000000000000000001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1::8', '00010000000000000000000000000008'],
    ['64:ff9b::192.0.2.1', '0064ff9b0000000000000000c0000201'],
  ])('%s is read', (text, hex) => {
    expect(hexOf(text)).toBe(hex);
  });

  it.each([
    '',
    'localhost',
    '10.1.2',
    '10.1.2.3.',
    '10.1.2.3.4',
    '256.1.1.1',
    '010.1.2.3',
    '1.2.3.4:',
    '1.2.3.4:123456',
    '1.2.3.4:x',
    '[1.2.3.4]',
    '1.2.3.4%eth0',
    ':',
    ':::',
    '1:::2',
    '1::2::3',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    '::1%',
    '[::1',
    '::1]',
    '[::1]x',
    '[::1]:',
    '[]',
    'x]@example.com:80/',
    '::1.2.3',
    '10.1.2.3, 10.1.2.4',
  ])('%j is not one', (text) => {
    expect(hexOf(text)).toBeUndefined();
  });

  it('is one exactly where net.isIP says so, brackets and ports apart', () => {
    const piece = fc.constantFrom('0', '1', '9', '10', '255', '256', 'f', 'ffff', '.', '.', ':', ':', '::', 'e0');
    const text = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
    const zoned = fc.oneof(text, fc.ipV6()).map((each) => `${each}%eth0`);
    const address = fc.oneof(text, fc.ipV4(), fc.ipV6(), zoned);
    fc.assert(
      fc.property(address, (each) => {
        // `10.0.0.1:80` is the one thing without brackets that is taken beyond it.
        fc.pre(!/^[\d.]+:\d+$/.test(each) && each.length <= 100);
        expect(hexOf(each) !== undefined).toBe(isIP(each) !== 0);
      }),
      { numRuns: 20_000 },
    );
  });

  it('is read from text of any kind and length without an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        parseIp(text, new Uint8Array(16));
      }),
    );
    for (const pump of ['%', ':', '1:', '[', '.', '0', '\ud800']) {
      expect(hexOf(pump.repeat(1_000_000))).toBeUndefined();
    }
  });
});

describe('a prefix', () => {
  it.each([
    [0, '00000000'],
    [1, '80000000'],
    [9, 'ff800000'],
    [24, 'ffffff00'],
    [31, 'fffffffe'],
    [32, 'ffffffff'],
  ])('of %d bits keeps these', (prefix, hex) => {
    const bytes = new Uint8Array(16).fill(0xff);
    maskIp(bytes, 4, prefix);
    expect(Buffer.from(bytes.subarray(0, 4)).toString('hex')).toBe(hex);
    expect(bytes[4]).toBe(0xff);
  });
});
