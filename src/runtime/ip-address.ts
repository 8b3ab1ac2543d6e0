/** Bytes of an IPv4 address, and of an IPv6 one. */
export const V4_BYTES = 4;
export const V6_BYTES = 16;

/**
 * Reads the text of an IP address into `bytes`, which has room for 16. Returns how many it wrote:
 * 4, 16, or 0 where the text is not an address. One pass, no allocation, and no more than
 * `MAX_TEXT` characters looked at: the text may come from a header that a client made up.
 *
 * Taken: what `net.isIP` takes (`10.0.0.1`, `2001:db8::1`, `::ffff:10.0.0.1`, zones as in
 * `fe80::1%eth0`), and what proxies write around it: brackets and a port (`[2001:db8::1]:443`,
 * `10.0.0.1:443`). An IPv4 address that a dual-stack socket shows as `::ffff:10.0.0.1` is the IPv4
 * one. The zone is not part of the result.
 */
export function parseIp(text: string, bytes: Uint8Array): number {
  if (text.length === 0 || text.length > MAX_TEXT) return 0;
  let start = 0;
  let end = text.length;
  if (text.charCodeAt(0) === BRACKET) {
    start = 1;
    end = text.indexOf(']');
    if (end === -1 || !isPort(text, end + 1)) return 0;
  }
  const colon = text.indexOf(':', start);
  const dot = text.indexOf('.', start);
  // Dots before any colon: what follows a colon is a port.
  if (dot !== -1 && (colon === -1 || dot < colon)) {
    if (start !== 0 || (colon !== -1 && !isPort(text, colon))) return 0;
    return parseV4(text, start, colon === -1 ? end : colon, bytes, 0);
  }
  const zone = text.indexOf('%', start);
  if (zone !== -1 && zone < end) {
    if (zone + 1 === end) return 0;
    end = zone;
  }
  if (parseV6(text, start, end, bytes) === 0) return 0;
  return unmapV4(bytes);
}

/**
 * Moves an IPv4 address that stands in an IPv6 one (`::ffff:a.b.c.d`) to the front. Returns 4 then,
 * and 16 otherwise.
 */
export function unmapV4(bytes: Uint8Array): number {
  for (let i = 0; i < 10; i++) if (bytes[i] !== 0) return V6_BYTES;
  if (bytes[10] !== 0xff || bytes[11] !== 0xff) return V6_BYTES;
  bytes.copyWithin(0, 12);
  return V4_BYTES;
}

/** Sets all bits of the first `length` bytes to 0 that are not among the leading `prefix` ones. */
export function maskIp(bytes: Uint8Array, length: number, prefix: number): void {
  const whole = prefix >> 3;
  if (whole >= length) return;
  bytes[whole] = bytes[whole]! & (0xff00 >> (prefix & 7));
  bytes.fill(0, whole + 1, length);
}

/** Whether there is nothing more from here on, or `:` and 1 to 5 digits. */
function isPort(text: string, at: number): boolean {
  const digits = text.length - at - 1;
  if (digits === -1) return true;
  if (text.charCodeAt(at) !== COLON || digits < 1 || digits > 5) return false;
  for (let i = at + 1; i < text.length; i++) if (!isDigit(text.charCodeAt(i))) return false;
  return true;
}

/** Four numbers without leading zeros, which some would read as octal. */
function parseV4(text: string, start: number, end: number, bytes: Uint8Array, into: number): number {
  let value = -1;
  let part = 0;
  for (let i = start; i <= end; i++) {
    const unit = i === end ? DOT : text.charCodeAt(i);
    if (unit === DOT) {
      if (value < 0 || part === V4_BYTES) return 0;
      bytes[into + part++] = value;
      value = -1;
    } else {
      if (!isDigit(unit) || value === 0) return 0;
      value = (value < 0 ? 0 : value) * 10 + (unit - ZERO);
      if (value > 255) return 0;
    }
  }
  return part === V4_BYTES ? V4_BYTES : 0;
}

function parseV6(text: string, start: number, end: number, bytes: Uint8Array): number {
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
      if (at > 12 || parseV4(text, group, end, bytes, at) === 0) return 0;
      at += V4_BYTES;
      break;
    }
    if (i === group || at + 2 > V6_BYTES) return 0;
    bytes[at++] = value >> 8;
    bytes[at++] = value & 0xff;
  }
  if (gap === -1) return at === V6_BYTES ? V6_BYTES : 0;
  if (at >= V6_BYTES) return 0;
  bytes.copyWithin(V6_BYTES - (at - gap), gap, at);
  bytes.fill(0, gap, V6_BYTES - (at - gap));
  return V6_BYTES;
}

function hexAt(text: string, at: number, end: number): number {
  if (at >= end) return -1;
  const unit = text.charCodeAt(at);
  if (isDigit(unit)) return unit - ZERO;
  const letter = unit | 0x20;
  return letter >= LETTER_A && letter <= LETTER_A + 5 ? letter - LETTER_A + 10 : -1;
}

function isDigit(unit: number): boolean {
  return unit >= ZERO && unit <= ZERO + 9;
}

const BRACKET = 0x5b;
const COLON = 0x3a;
const DOT = 0x2e;
const ZERO = 0x30;
const LETTER_A = 0x61;
/** The longest address (45 characters) with brackets, a port, and room for the name of a zone. */
const MAX_TEXT = 128;
