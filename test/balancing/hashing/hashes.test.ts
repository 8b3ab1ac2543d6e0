import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { md5Bytes, md5Word } from '../../../src/hashing/md5.js';
import { murmur3 } from '../../../src/hashing/murmur3.js';

const md5Hex = (key: string | Uint8Array): string => {
  const out = new Uint8Array(16);
  md5Bytes(key, out);
  return Buffer.from(out).toString('hex');
};

describe('md5', () => {
  it('gives the digests of RFC 1321, appendix A.5', () => {
    expect(md5Hex('')).toBe('d41d8cd98f00b204e9800998ecf8427e');
    expect(md5Hex('message digest')).toBe('f96b697d7cb7938d525a2f31aaf161d0');
    expect(md5Hex('12345678901234567890123456789012345678901234567890123456789012345678901234567890')).toBe(
      '57edf4a22be3c955ac49da2e2107b67a',
    );
  });

  it('agrees with node:crypto on any string and any bytes, as text of any script and with lone surrogates', () => {
    const anyKey = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
      fc.uint8Array({ maxLength: 200 }),
    );
    fc.assert(
      fc.property(anyKey, (key) => {
        const expected = createHash('md5').update(key).digest();
        expect(md5Hex(key)).toBe(expected.toString('hex'));
        expect(md5Word(key)).toBe(expected.readInt32LE(0));
      }),
      { numRuns: 150 },
    );
  });

  it('agrees at every length around the edges of blocks and of the scratch space', () => {
    for (const length of [54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1_365, 1_366, 4_096, 4_097, 1_000_000]) {
      const key = 'k'.repeat(length);
      expect(md5Hex(key)).toBe(createHash('md5').update(key).digest('hex'));
      expect(md5Hex(Buffer.from(key))).toBe(createHash('md5').update(key).digest('hex'));
    }
  });
});

describe('murmur3', () => {
  it.each([
    // Wikipedia, "MurmurHash", test vectors of MurmurHash3_x86_32.
    ['', 0x00000000, 0x00000000],
    ['', 0x00000001, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['test', 0x00000000, 0xba6bd213],
    ['test', 0x9747b28c, 0x704b81dc],
    ['Hello, world!', 0x00000000, 0xc0363e43],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['The quick brown fox jumps over the lazy dog', 0x00000000, 0x2e4ff723],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('gives the published hash of %j with seed %i', (key, seed, hash) => {
    expect(murmur3(key, seed) >>> 0).toBe(hash);
    expect(murmur3(new TextEncoder().encode(key), seed) >>> 0).toBe(hash);
  });

  it('passes the verification of SMHasher: the hash of the hashes of 256 keys is 0xB0F57EE3', () => {
    const key = new Uint8Array(256);
    const hashes = new DataView(new ArrayBuffer(1_024));
    for (let i = 0; i < 256; i++) {
      key[i] = i;
      hashes.setInt32(i * 4, murmur3(key.subarray(0, i), 256 - i), true);
    }
    expect(murmur3(new Uint8Array(hashes.buffer), 0) >>> 0).toBe(0xb0f57ee3);
  });
});
