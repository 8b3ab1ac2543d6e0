import type { RoutingKey } from '../runtime/context.js';
import { keyBytes, loadKey } from './key-bytes.js';

/**
 * MD5 (RFC 1321) in plain JavaScript, for placement and nothing secret: for short keys it is six
 * times faster than a `createHash` object, and it works where FIPS mode takes MD5 away. Ketama
 * needs its first word only.
 */

const state = new Int32Array(4);
const block = new Int32Array(16);

/**
 * The first four bytes of the digest as a little-endian number, where ketama places a key. Signed:
 * see `Ring.find`.
 */
export function md5Word(key: RoutingKey): number {
  const length = loadKey(key);
  digest(keyBytes, length);
  return state[0]!;
}

/** The 16 bytes of the digest, into `out`. */
export function md5Bytes(key: RoutingKey, out: Uint8Array): void {
  const length = loadKey(key);
  digest(keyBytes, length);
  for (let i = 0; i < 16; i++) out[i] = state[i >> 2]! >>> ((i & 3) * 8);
}

/** The digest of the first `length` bytes, as four little-endian words, into `out` from `at`. */
export function md5Words(bytes: Uint8Array, length: number, out: Uint32Array, at: number): void {
  digest(bytes, length);
  for (let word = 0; word < 4; word++) out[at + word] = state[word]!;
}

function digest(bytes: Uint8Array, length: number): void {
  state[0] = 0x67452301;
  state[1] = 0xefcdab89;
  state[2] = 0x98badcfe;
  state[3] = 0x10325476;
  let at = 0;
  for (; at + 64 <= length; at += 64) {
    for (let word = 0; word < 16; word++) block[word] = wordAt(bytes, at + word * 4);
    mixBlock(block);
  }
  loadTail(bytes, at, length);
}

/**
 * The last bytes, a 1 bit, zeros, and the length in bits: one block, or two where they do not fit.
 */
function loadTail(bytes: Uint8Array, from: number, length: number): void {
  const rest = length - from;
  const words = rest >> 2;
  for (let word = 0; word < words; word++) block[word] = wordAt(bytes, from + word * 4);
  let last = 0x80 << ((rest & 3) * 8);
  for (let i = from + words * 4, shift = 0; i < length; i++, shift += 8) last |= bytes[i]! << shift;
  block[words] = last;
  for (let word = words + 1; word < 16; word++) block[word] = 0;
  if (rest >= 56) {
    mixBlock(block);
    for (let word = 0; word < 14; word++) block[word] = 0;
  }
  block[14] = length << 3;
  block[15] = length >>> 29;
  mixBlock(block);
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** One block into `state`. Unrolled: a loop over tables takes three times as long. */
function mixBlock(m: Int32Array): void {
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  // Round 1.
  a = (a + (d ^ (b & (c ^ d))) + m[0]! - 680876936) | 0;
  a = ((a << 7) | (a >>> 25)) + b;
  d = (d + (c ^ (a & (b ^ c))) + m[1]! - 389564586) | 0;
  d = ((d << 12) | (d >>> 20)) + a;
  c = (c + (b ^ (d & (a ^ b))) + m[2]! + 606105819) | 0;
  c = ((c << 17) | (c >>> 15)) + d;
  b = (b + (a ^ (c & (d ^ a))) + m[3]! - 1044525330) | 0;
  b = ((b << 22) | (b >>> 10)) + c;
  a = (a + (d ^ (b & (c ^ d))) + m[4]! - 176418897) | 0;
  a = ((a << 7) | (a >>> 25)) + b;
  d = (d + (c ^ (a & (b ^ c))) + m[5]! + 1200080426) | 0;
  d = ((d << 12) | (d >>> 20)) + a;
  c = (c + (b ^ (d & (a ^ b))) + m[6]! - 1473231341) | 0;
  c = ((c << 17) | (c >>> 15)) + d;
  b = (b + (a ^ (c & (d ^ a))) + m[7]! - 45705983) | 0;
  b = ((b << 22) | (b >>> 10)) + c;
  a = (a + (d ^ (b & (c ^ d))) + m[8]! + 1770035416) | 0;
  a = ((a << 7) | (a >>> 25)) + b;
  d = (d + (c ^ (a & (b ^ c))) + m[9]! - 1958414417) | 0;
  d = ((d << 12) | (d >>> 20)) + a;
  c = (c + (b ^ (d & (a ^ b))) + m[10]! - 42063) | 0;
  c = ((c << 17) | (c >>> 15)) + d;
  b = (b + (a ^ (c & (d ^ a))) + m[11]! - 1990404162) | 0;
  b = ((b << 22) | (b >>> 10)) + c;
  a = (a + (d ^ (b & (c ^ d))) + m[12]! + 1804603682) | 0;
  a = ((a << 7) | (a >>> 25)) + b;
  d = (d + (c ^ (a & (b ^ c))) + m[13]! - 40341101) | 0;
  d = ((d << 12) | (d >>> 20)) + a;
  c = (c + (b ^ (d & (a ^ b))) + m[14]! - 1502002290) | 0;
  c = ((c << 17) | (c >>> 15)) + d;
  b = (b + (a ^ (c & (d ^ a))) + m[15]! + 1236535329) | 0;
  b = ((b << 22) | (b >>> 10)) + c;
  // Round 2.
  a = (a + (c ^ (d & (b ^ c))) + m[1]! - 165796510) | 0;
  a = ((a << 5) | (a >>> 27)) + b;
  d = (d + (b ^ (c & (a ^ b))) + m[6]! - 1069501632) | 0;
  d = ((d << 9) | (d >>> 23)) + a;
  c = (c + (a ^ (b & (d ^ a))) + m[11]! + 643717713) | 0;
  c = ((c << 14) | (c >>> 18)) + d;
  b = (b + (d ^ (a & (c ^ d))) + m[0]! - 373897302) | 0;
  b = ((b << 20) | (b >>> 12)) + c;
  a = (a + (c ^ (d & (b ^ c))) + m[5]! - 701558691) | 0;
  a = ((a << 5) | (a >>> 27)) + b;
  d = (d + (b ^ (c & (a ^ b))) + m[10]! + 38016083) | 0;
  d = ((d << 9) | (d >>> 23)) + a;
  c = (c + (a ^ (b & (d ^ a))) + m[15]! - 660478335) | 0;
  c = ((c << 14) | (c >>> 18)) + d;
  b = (b + (d ^ (a & (c ^ d))) + m[4]! - 405537848) | 0;
  b = ((b << 20) | (b >>> 12)) + c;
  a = (a + (c ^ (d & (b ^ c))) + m[9]! + 568446438) | 0;
  a = ((a << 5) | (a >>> 27)) + b;
  d = (d + (b ^ (c & (a ^ b))) + m[14]! - 1019803690) | 0;
  d = ((d << 9) | (d >>> 23)) + a;
  c = (c + (a ^ (b & (d ^ a))) + m[3]! - 187363961) | 0;
  c = ((c << 14) | (c >>> 18)) + d;
  b = (b + (d ^ (a & (c ^ d))) + m[8]! + 1163531501) | 0;
  b = ((b << 20) | (b >>> 12)) + c;
  a = (a + (c ^ (d & (b ^ c))) + m[13]! - 1444681467) | 0;
  a = ((a << 5) | (a >>> 27)) + b;
  d = (d + (b ^ (c & (a ^ b))) + m[2]! - 51403784) | 0;
  d = ((d << 9) | (d >>> 23)) + a;
  c = (c + (a ^ (b & (d ^ a))) + m[7]! + 1735328473) | 0;
  c = ((c << 14) | (c >>> 18)) + d;
  b = (b + (d ^ (a & (c ^ d))) + m[12]! - 1926607734) | 0;
  b = ((b << 20) | (b >>> 12)) + c;
  // Round 3.
  a = (a + (b ^ c ^ d) + m[5]! - 378558) | 0;
  a = ((a << 4) | (a >>> 28)) + b;
  d = (d + (a ^ b ^ c) + m[8]! - 2022574463) | 0;
  d = ((d << 11) | (d >>> 21)) + a;
  c = (c + (d ^ a ^ b) + m[11]! + 1839030562) | 0;
  c = ((c << 16) | (c >>> 16)) + d;
  b = (b + (c ^ d ^ a) + m[14]! - 35309556) | 0;
  b = ((b << 23) | (b >>> 9)) + c;
  a = (a + (b ^ c ^ d) + m[1]! - 1530992060) | 0;
  a = ((a << 4) | (a >>> 28)) + b;
  d = (d + (a ^ b ^ c) + m[4]! + 1272893353) | 0;
  d = ((d << 11) | (d >>> 21)) + a;
  c = (c + (d ^ a ^ b) + m[7]! - 155497632) | 0;
  c = ((c << 16) | (c >>> 16)) + d;
  b = (b + (c ^ d ^ a) + m[10]! - 1094730640) | 0;
  b = ((b << 23) | (b >>> 9)) + c;
  a = (a + (b ^ c ^ d) + m[13]! + 681279174) | 0;
  a = ((a << 4) | (a >>> 28)) + b;
  d = (d + (a ^ b ^ c) + m[0]! - 358537222) | 0;
  d = ((d << 11) | (d >>> 21)) + a;
  c = (c + (d ^ a ^ b) + m[3]! - 722521979) | 0;
  c = ((c << 16) | (c >>> 16)) + d;
  b = (b + (c ^ d ^ a) + m[6]! + 76029189) | 0;
  b = ((b << 23) | (b >>> 9)) + c;
  a = (a + (b ^ c ^ d) + m[9]! - 640364487) | 0;
  a = ((a << 4) | (a >>> 28)) + b;
  d = (d + (a ^ b ^ c) + m[12]! - 421815835) | 0;
  d = ((d << 11) | (d >>> 21)) + a;
  c = (c + (d ^ a ^ b) + m[15]! + 530742520) | 0;
  c = ((c << 16) | (c >>> 16)) + d;
  b = (b + (c ^ d ^ a) + m[2]! - 995338651) | 0;
  b = ((b << 23) | (b >>> 9)) + c;
  // Round 4.
  a = (a + (c ^ (b | ~d)) + m[0]! - 198630844) | 0;
  a = ((a << 6) | (a >>> 26)) + b;
  d = (d + (b ^ (a | ~c)) + m[7]! + 1126891415) | 0;
  d = ((d << 10) | (d >>> 22)) + a;
  c = (c + (a ^ (d | ~b)) + m[14]! - 1416354905) | 0;
  c = ((c << 15) | (c >>> 17)) + d;
  b = (b + (d ^ (c | ~a)) + m[5]! - 57434055) | 0;
  b = ((b << 21) | (b >>> 11)) + c;
  a = (a + (c ^ (b | ~d)) + m[12]! + 1700485571) | 0;
  a = ((a << 6) | (a >>> 26)) + b;
  d = (d + (b ^ (a | ~c)) + m[3]! - 1894986606) | 0;
  d = ((d << 10) | (d >>> 22)) + a;
  c = (c + (a ^ (d | ~b)) + m[10]! - 1051523) | 0;
  c = ((c << 15) | (c >>> 17)) + d;
  b = (b + (d ^ (c | ~a)) + m[1]! - 2054922799) | 0;
  b = ((b << 21) | (b >>> 11)) + c;
  a = (a + (c ^ (b | ~d)) + m[8]! + 1873313359) | 0;
  a = ((a << 6) | (a >>> 26)) + b;
  d = (d + (b ^ (a | ~c)) + m[15]! - 30611744) | 0;
  d = ((d << 10) | (d >>> 22)) + a;
  c = (c + (a ^ (d | ~b)) + m[6]! - 1560198380) | 0;
  c = ((c << 15) | (c >>> 17)) + d;
  b = (b + (d ^ (c | ~a)) + m[13]! + 1309151649) | 0;
  b = ((b << 21) | (b >>> 11)) + c;
  a = (a + (c ^ (b | ~d)) + m[4]! - 145523070) | 0;
  a = ((a << 6) | (a >>> 26)) + b;
  d = (d + (b ^ (a | ~c)) + m[11]! - 1120210379) | 0;
  d = ((d << 10) | (d >>> 22)) + a;
  c = (c + (a ^ (d | ~b)) + m[2]! + 718787259) | 0;
  c = ((c << 15) | (c >>> 17)) + d;
  b = (b + (d ^ (c | ~a)) + m[9]! - 343485551) | 0;
  b = ((b << 21) | (b >>> 11)) + c;
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
}
