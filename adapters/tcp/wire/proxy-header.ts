import { isIPv4, isIPv6 } from 'node:net';
import { type Address, addressText, type ProxiedAddresses } from './addresses.js';

/** A PROXY protocol header that was read. */
export interface ProxyHeader {
  /** What follows it is the connection's own. */
  readonly length: number;
  /** Undefined where the sender speaks for itself: UNKNOWN, LOCAL, a unix socket. */
  readonly addresses: ProxiedAddresses | undefined;
}

const V1 = Buffer.from('PROXY ');
/** With CRLF. */
const V1_LONGEST = 107;
const V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED = 16;
/** Addresses, and what extensions anybody is known to send: far below what 16 bits could say. */
const V2_LONGEST = 4_096;

/**
 * Reads a header of version 1 or 2 (haproxy, doc/proxy-protocol.txt) at the front of what was
 * received. Returns it; `'more'` where it is not whole yet; or undefined where it is none, or a
 * broken one. Keeps nothing of the bytes.
 */
export function readProxyHeader(bytes: Buffer): ProxyHeader | 'more' | undefined {
  if (startsAs(bytes, V1)) return bytes.length < V1.length ? 'more' : readV1(bytes);
  if (startsAs(bytes, V2)) return bytes.length < V2_FIXED ? 'more' : readV2(bytes);
  return undefined;
}

/** Whether the bytes are the beginning of the signature, or begin with it. */
function startsAs(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.compare(signature, 0, length, 0, length) === 0;
}

function readV1(bytes: Buffer): ProxyHeader | 'more' | undefined {
  const text = bytes.toString('latin1', 0, V1_LONGEST);
  const end = text.indexOf('\r\n');
  if (end === -1) return bytes.length < V1_LONGEST ? 'more' : undefined;
  const length = end + 2;
  const [, family, source, destination, sourcePort, destinationPort, ...rest] = text.slice(0, end).split(' ');
  // Whatever follows UNKNOWN is to be passed over.
  if (family === 'UNKNOWN') return { length, addresses: undefined };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isPlainIPv6 : undefined;
  if (isAddress === undefined || rest.length > 0) return undefined;
  const [from, to] = [portOf(sourcePort), portOf(destinationPort)];
  if (from === undefined || to === undefined || !isAddress(source ?? '') || !isAddress(destination ?? '')) {
    return undefined;
  }
  return {
    length,
    addresses: { source: { address: source!, port: from }, destination: { address: destination!, port: to } },
  };
}

/** A zone means something on its own machine only. */
const isPlainIPv6 = (text: string): boolean => isIPv6(text) && !text.includes('%');

function portOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^(0|[1-9]\d{0,4})$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

const COMMAND_LOCAL = 0x20;
const COMMAND_PROXY = 0x21;
const LAST_FAMILY = 3;
const LAST_TRANSPORT = 2;
/** Type and length of an extension. */
const TLV_HEADER = 3;

function readV2(bytes: Buffer): ProxyHeader | 'more' | undefined {
  const command = bytes[12]!;
  const family = bytes[13]! >> 4;
  const transport = bytes[13]! & 0x0f;
  const length = V2_FIXED + bytes.readUInt16BE(14);
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) return undefined;
  if (family > LAST_FAMILY || transport > LAST_TRANSPORT || length > V2_LONGEST) return undefined;
  if (bytes.length < length) return 'more';
  // The sender's own connection, a health check: what stands in the rest is not to be looked at.
  if (command === COMMAND_LOCAL) return { length, addresses: undefined };
  const addressBytes = [0, 4, 16, 108][family]!;
  const extensions = V2_FIXED + (addressBytes === 108 ? 216 : addressBytes * 2 + (addressBytes === 0 ? 0 : 4));
  if (extensions > length || !areExtensions(bytes, extensions, length)) return undefined;
  if (transport === 0 || (family !== 1 && family !== 2)) return { length, addresses: undefined };
  const ports = V2_FIXED + addressBytes * 2;
  const end = (at: number, port: number): Address => ({
    address: addressText(bytes.subarray(at, at + addressBytes)),
    port: bytes.readUInt16BE(port),
  });
  return {
    length,
    addresses: { source: end(V2_FIXED, ports), destination: end(V2_FIXED + addressBytes, ports + 2) },
  };
}

/** Whether what stands there is whole extensions, whatever they say. */
function areExtensions(bytes: Buffer, from: number, to: number): boolean {
  let at = from;
  while (at + TLV_HEADER <= to) at += TLV_HEADER + bytes.readUInt16BE(at + 1);
  return at === to;
}
