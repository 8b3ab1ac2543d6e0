import { parseIp } from '../../../src/adapter.js';
import { addressText, type ProxiedAddresses } from './addresses.js';

const V4_BYTES = 4;
const V6_BYTES = 16;

/** A header of version 1 (haproxy, doc/proxy-protocol.txt, 2.1); UNKNOWN where nothing is known. */
export function proxyHeaderV1(addresses: ProxiedAddresses | undefined): Buffer {
  const both = addresses && bytesOf(addresses);
  if (addresses === undefined || both === undefined) return Buffer.from('PROXY UNKNOWN\r\n');
  const [source, destination] = both;
  const family = source.length === V4_BYTES ? 'TCP4' : 'TCP6';
  const ports = `${addresses.source.port} ${addresses.destination.port}`;
  return Buffer.from(`PROXY ${family} ${addressText(source)} ${addressText(destination)} ${ports}\r\n`, 'latin1');
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const LOCAL = 0x20;
const PROXY = 0x21;
const UNSPECIFIED = 0x00;
const TCP_OVER_V4 = 0x11;
const TCP_OVER_V6 = 0x21;

/** A header of version 2 (2.2 there) without extensions; LOCAL where nothing is known. */
export function proxyHeaderV2(addresses: ProxiedAddresses | undefined): Buffer {
  const both = addresses && bytesOf(addresses);
  if (addresses === undefined || both === undefined) {
    return Buffer.concat([SIGNATURE, Buffer.from([LOCAL, UNSPECIFIED, 0, 0])]);
  }
  const [source, destination] = both;
  const rest = Buffer.alloc(8);
  rest[0] = PROXY;
  rest[1] = source.length === V4_BYTES ? TCP_OVER_V4 : TCP_OVER_V6;
  rest.writeUInt16BE(source.length * 2 + 4, 2);
  rest.writeUInt16BE(addresses.source.port, 4);
  rest.writeUInt16BE(addresses.destination.port, 6);
  return Buffer.concat([SIGNATURE, rest.subarray(0, 4), source, destination, rest.subarray(4)]);
}

/** Both of one family, as a header has it: beside an IPv6 address an IPv4 one is mapped. */
function bytesOf({ source, destination }: ProxiedAddresses): readonly [Uint8Array, Uint8Array] | undefined {
  const [from, to] = [toBytes(source.address), toBytes(destination.address)];
  if (from === undefined || to === undefined) return undefined;
  return from.length === to.length ? [from, to] : [mapped(from), mapped(to)];
}

function toBytes(address: string): Uint8Array | undefined {
  const bytes = new Uint8Array(V6_BYTES);
  const length = parseIp(address, bytes);
  return length === 0 ? undefined : bytes.subarray(0, length);
}

function mapped(address: Uint8Array): Uint8Array {
  if (address.length === V6_BYTES) return address;
  const bytes = new Uint8Array(V6_BYTES);
  bytes.set([0xff, 0xff], V6_BYTES - V4_BYTES - 2);
  bytes.set(address, V6_BYTES - V4_BYTES);
  return bytes;
}
