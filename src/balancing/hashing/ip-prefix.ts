import { murmur3, murmur3Bytes } from '../../hashing/murmur3.js';
import type { RoutingKey } from '../../runtime/context.js';

const address = new Uint8Array(16);
const V4_BYTES = 4;
const V6_BYTES = 16;

/**
 * Hashes the network that an address belongs to, so that clients which change their address within
 * it keep their endpoint. Takes text (`10.0.0.1`, `2001:db8::1`, with brackets, zone, port or
 * IPv4-mapped) and raw addresses of 4 or 16 bytes; whatever is no address is hashed as it is.
 * Allocates nothing.
 */
export function hashIp(key: RoutingKey, v4Prefix: number, v6Prefix: number): number {
  const length = typeof key === 'string' ? parse(key) : copy(key);
  if (length === 0) return murmur3(key, 0);
  if (length === V6_BYTES && isMappedV4()) {
    address.copyWithin(0, 12);
    return hashPrefix(V4_BYTES, v4Prefix);
  }
  return hashPrefix(length, length === V4_BYTES ? v4Prefix : v6Prefix);
}

function hashPrefix(length: number, prefix: number): number {
  const whole = prefix >> 3;
  if (whole < length) {
    address[whole] = address[whole]! & (0xff00 >> (prefix & 7));
    address.fill(0, whole + 1, length);
  }
  return murmur3Bytes(address, length, 0);
}

function copy(key: Uint8Array): number {
  if (key.length !== V4_BYTES && key.length !== V6_BYTES) return 0;
  address.set(key);
  return key.length;
}

/** ::ffff:a.b.c.d, as a dual-stack socket shows an IPv4 client. */
function isMappedV4(): boolean {
  for (let i = 0; i < 10; i++) if (address[i] !== 0) return false;
  return address[10] === 0xff && address[11] === 0xff;
}

/** The number of bytes put into `address`: 4, 16, or 0 for no address. */
function parse(text: string): number {
  let start = 0;
  let end = text.length;
  if (text.charCodeAt(0) === BRACKET) {
    start = 1;
    end = text.indexOf(']');
    if (end === -1) return 0;
  }
  const zone = text.indexOf('%');
  if (zone !== -1 && zone < end) end = zone;
  // Longer is no address, and need not be searched.
  if (end - start > MAX_TEXT) return 0;
  const colon = text.indexOf(':');
  if (colon === -1) return parseV4(text, start, end, 0);
  // Only a port follows dots; in `::ffff:10.0.0.1` the colons come first.
  const dot = text.indexOf('.');
  return dot !== -1 && dot < colon ? parseV4(text, start, colon, 0) : parseV6(text, start, end);
}

function parseV4(text: string, start: number, end: number, into: number): number {
  let value = -1;
  let part = 0;
  for (let i = start; i <= end; i++) {
    const digit = i === end ? DOT : text.charCodeAt(i);
    if (digit === DOT) {
      if (value < 0 || part === V4_BYTES) return 0;
      address[into + part++] = value;
      value = -1;
    } else {
      if (digit < ZERO || digit > ZERO + 9) return 0;
      value = (value < 0 ? 0 : value) * 10 + (digit - ZERO);
      if (value > 255) return 0;
    }
  }
  return part === V4_BYTES ? V4_BYTES : 0;
}

function parseV6(text: string, start: number, end: number): number {
  let at = 0;
  /** Where `::` stands, -1 for nowhere. */
  let gap = -1;
  let i = start;
  while (i < end) {
    if (text.charCodeAt(i) === COLON) {
      // Two in a row leave zeros out, once; a single one may only stand between groups.
      if (text.charCodeAt(i + 1) === COLON && i + 1 < end && gap === -1) {
        gap = at;
        i += 2;
        continue;
      }
      if (at === 0 || gap === at || i + 1 === end) return 0;
      i++;
    } else if (i !== start && text.charCodeAt(i - 1) !== COLON) {
      return 0;
    }
    let value = 0;
    const group = i;
    for (let digit = hexAt(text, i, end); digit >= 0 && i - group < 4; digit = hexAt(text, i, end)) {
      value = value * 16 + digit;
      i++;
    }
    if (text.charCodeAt(i) === DOT && i < end) {
      if (at > 12 || parseV4(text, group, end, at) === 0) return 0;
      at += V4_BYTES;
      break;
    }
    if (i === group || at + 2 > V6_BYTES) return 0;
    address[at++] = value >> 8;
    address[at++] = value & 0xff;
  }
  if (gap === -1) return at === V6_BYTES ? V6_BYTES : 0;
  if (at >= V6_BYTES) return 0;
  address.copyWithin(V6_BYTES - (at - gap), gap, at);
  address.fill(0, gap, V6_BYTES - (at - gap));
  return V6_BYTES;
}

function hexAt(text: string, at: number, end: number): number {
  if (at >= end) return -1;
  const unit = text.charCodeAt(at);
  if (unit >= ZERO && unit <= ZERO + 9) return unit - ZERO;
  const letter = unit | 0x20;
  return letter >= LETTER_A && letter <= LETTER_A + 5 ? letter - LETTER_A + 10 : -1;
}

const BRACKET = 0x5b;
const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;
const LETTER_A = 0x61;
/** `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255` */
const MAX_TEXT = 45;
